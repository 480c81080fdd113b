/**
 * Calendar days as the server writes them, `YYYY-MM-DD`, in the site's zone. Arithmetic is done on
 * UTC midnights, so no clock change can move a day.
 */

const DAY = 86_400_000;

function ms(day: string): number {
  return Date.parse(day + "T00:00:00Z");
}

function text(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

/** A real calendar day? */
export function isDay(value: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(value) && !Number.isNaN(ms(value)) && text(ms(value)) === value;
}

export function plusDays(day: string, days: number): string {
  return text(ms(day) + days * DAY);
}

/** Days from `from` to `to`, both included. */
export function daysIn(from: string, to: string): number {
  return Math.round((ms(to) - ms(from)) / DAY) + 1;
}

/** The first day of the month `months` away from the month of `day`. */
export function monthStart(day: string, months = 0): string {
  const [year = 0, month = 1] = day.split("-").map(Number);
  return text(Date.UTC(year, month - 1 + months, 1));
}

/** 0 Sunday … 6 Saturday. */
export function weekday(day: string): number {
  return new Date(ms(day)).getUTCDay();
}

/** The Monday of the week of `day`. */
export function weekStart(day: string): string {
  return plusDays(day, -((weekday(day) + 6) % 7));
}

/** Day and full hour now in a zone, as the server labels them. */
export function nowIn(zone: string, at: Date = new Date()): { day: string; hour: string; minute: string } {
  const parts = new Intl.DateTimeFormat("en-CA", {
    timeZone: zone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  }).formatToParts(at);
  const part = (type: string) => parts.find((one) => one.type === type)?.value ?? "";
  const day = `${part("year")}-${part("month")}-${part("day")}`;
  return { day, hour: `${day} ${part("hour")}:00:00`, minute: `${part("hour")}:${part("minute")}` };
}

const formats = new Map<string, Intl.DateTimeFormat>();

function format(name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  let made = formats.get(name);
  if (!made) formats.set(name, (made = new Intl.DateTimeFormat(undefined, { timeZone: "UTC", ...options })));
  return made;
}

/** "25 Oct", with the year when it is not the year of `today`. */
export function shortDay(day: string, today: string): string {
  const other = day.slice(0, 4) !== today.slice(0, 4);
  const made = other
    ? format("shortYear", { day: "numeric", month: "short", year: "numeric" })
    : format("short", { day: "numeric", month: "short" });
  return made.format(ms(day));
}

/** "Thursday, 5 November". */
export function longDay(day: string): string {
  return format("long", { weekday: "long", day: "numeric", month: "long", year: "numeric" }).format(ms(day));
}

/** "November 2026"; "Nov", with the year in January, where there is little room. */
export function monthName(day: string, room: "long" | "short"): string {
  if (room === "long") return format("month", { month: "long", year: "numeric" }).format(ms(day));
  const year = day.slice(5, 7) === "01" ? format("shortMonthYear", { month: "short", year: "numeric" }) : null;
  return (year ?? format("shortMonth", { month: "short" })).format(ms(day));
}

/** "25 Oct – 21 Nov". */
export function dayRange(from: string, to: string, today: string): string {
  return from === to ? shortDay(from, today) : `${shortDay(from, today)} – ${shortDay(to, today)}`;
}
