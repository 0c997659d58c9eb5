// Numbers, durations and values as people read them. What is not known is an en dash.

const NONE = "–";
const grouped = new Intl.NumberFormat("en-GB");

export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? NONE : grouped.format(value);
}

/** 1234567 → "1.23 M", for headlines. */
export function short(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  if (value < 10_000) return grouped.format(value);
  if (value < 1_000_000) return `${(value / 1000).toPrecision(3)} k`;
  return `${(value / 1_000_000).toPrecision(3)} M`;
}

export function percent(value: number | null | undefined, digits = 1): string {
  return value === null || value === undefined ? NONE : `${(100 * value).toFixed(digits)} %`;
}

export function number(value: number | null | undefined, digits = 2): string {
  if (value === null || value === undefined) return NONE;
  return Number.isInteger(value) ? grouped.format(value) : value.toFixed(digits);
}

export function seconds(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  if (value < 0.0995) return `${Math.round(value * 1000)} ms`;
  if (value < 60) return `${value < 10 ? value.toFixed(2) : value.toFixed(1)} s`;
  const minutes = Math.floor(value / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(value % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function clock(unix: number | null | undefined): string {
  if (unix === null || unix === undefined) return NONE;
  return new Date(unix * 1000).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

export function characters(size: number): string {
  if (size < 1000) return `${size} characters`;
  if (size < 1_000_000) return `${(size / 1000).toFixed(size < 10_000 ? 1 : 0)} k characters`;
  return `${(size / 1_000_000).toFixed(1)} M characters`;
}

/** The last characters of an id: times come first in it, so that its end tells neighbours apart. */
export function brief(id: string): string {
  return id.length > 12 ? id.slice(-10) : id;
}

/** A value of the state as text: strings as they are, the rest as indented JSON. */
export function plain(value: unknown): string {
  if (value === null || value === undefined) return NONE;
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}
