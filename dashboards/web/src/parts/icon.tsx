/**
 * Icons, drawn here so that none is fetched: sixteen by sixteen, one stroke. Always beside a word,
 * except for close, help and theme; so they are hidden from screen readers.
 */

const PATHS = {
  down: "m4 6 4 4 4-4",
  right: "m6 4 4 4-4 4",
  left: "m10 4-4 4 4 4",
  x: "m4 4 8 8m0-8-8 8",
  check: "m3 8.5 3.2 3.2L13 4.8",
  plus: "M8 3.25v9.5M3.25 8h9.5",
  calendar: "M4.25 3.25h7.5a2 2 0 0 1 2 2v6.500a2 2 0 0 1-2 2h-7.500a2 2 0 0 1-2-2v-6.500a2 2 0 0 1 2-2ZM2.5 6.5h11M5.5 1.75v3M10.5 1.75v3",
  filter: "M2 4h12M4.5 8h7M6.5 12h3",
  swap: "M3 5.5h9m-2.500-2.500L12 5.500 9.500 8M13 10.500H4m2.500-2.500L4 10.500 6.500 13",
  sun: "M8 5.250a2.750 2.750 0 1 0 0 5.500 2.750 2.750 0 1 0 0-5.500ZM8 1.5v1.25M8 13.25v1.25M1.5 8h1.25M13.25 8h1.25M3.4 3.4l.9.9M11.7 11.7l.9.9M12.6 3.4l-.9.9M4.3 11.7l-.9.9",
  moon: "M13.25 9.7A5.6 5.6 0 0 1 6.3 2.75a5.600 5.600 0 1 0 6.950 6.950Z",
  system: "M3.250 2.750h9.500a1.500 1.500 0 0 1 1.500 1.500v5.500a1.500 1.500 0 0 1-1.500 1.500h-9.500a1.500 1.500 0 0 1-1.500-1.500v-5.500a1.500 1.500 0 0 1 1.500-1.500ZM5.5 13.75h5",
  why: "M8 1.750a6.250 6.250 0 1 0 0 12.500 6.250 6.250 0 1 0 0-12.500ZM6.3 6.3a1.75 1.75 0 1 1 2.500 1.600c-.5.25-.8.6-.8 1.200M8 11.3v.01",
  hide: "M2 8s2.250-4 6-4c1 0 1.900.300 2.700.700M14 8s-2.250 4-6 4c-1 0-1.900-.300-2.700-.700M2.500 13.500l11-11",
  alert: "M8 2.25 14.25 13H1.75ZM8 6.5v3M8 11.25v.01",
  note: "M8 1.750a6.250 6.250 0 1 0 0 12.500 6.250 6.250 0 1 0 0-12.500ZM8 7.250v4M8 4.750v.01",
  copy: "M7 5.500h5a1.500 1.500 0 0 1 1.500 1.500v5a1.500 1.500 0 0 1-1.500 1.500h-5a1.500 1.500 0 0 1-1.500-1.500v-5a1.500 1.500 0 0 1 1.500-1.500ZM10.5 5.5v-2a1 1 0 0 0-1-1h-6a1 1 0 0 0-1 1v6a1 1 0 0 0 1 1h2",
  code: "m5.250 4.500-3.500 3.500 3.500 3.500M10.750 4.500l3.500 3.500-3.500 3.500",
  compare: "M2 11c2.5 0 2.5-6 5-6s2.500 4 7 4M2 13.500h1.500M5.500 13.500h1.500M9 13.500h1.500M12.500 13.500h1.500",
  chart: "M2.250 13.250h11.500M3.500 10.500l3-3.500 2.500 2 3.750-5",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, class: extra = "" }: { name: IconName; class?: string }) {
  return (
    <svg class={`icon ${extra}`} viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The mark of headcount: five tally strokes. */
export function Mark() {
  return (
    <svg viewBox="0 0 24 24" aria-hidden="true">
      <path d="M5 5v14M9.7 5v14M14.3 5v14M19 5v14M2.5 16.5l19-9" />
    </svg>
  );
}
