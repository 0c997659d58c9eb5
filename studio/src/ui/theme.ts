// Light or dark: what the system prefers, unless the reader chose otherwise.
import { computed, effect, signal } from "@preact/signals";

export type Theme = "auto" | "light" | "dark";
const KEY = "tutelage-theme";
const ORDER: Theme[] = ["auto", "light", "dark"];

function remembered(): Theme {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === "light" || kept === "dark" ? kept : "auto";
  } catch {
    return "auto";
  }
}

const preference = matchMedia("(prefers-color-scheme: dark)");
const prefersDark = signal(preference.matches);
preference.addEventListener("change", (event) => {
  prefersDark.value = event.matches;
});

export const theme = signal<Theme>(remembered());

/** What is shown; what is drawn on a canvas watches it. */
export const shown = computed<"light" | "dark">(() =>
  theme.value === "auto" ? (prefersDark.value ? "dark" : "light") : theme.value,
);

effect(() => {
  document.documentElement.dataset["theme"] = shown.value;
});

export function nextTheme(): void {
  const next = ORDER[(ORDER.indexOf(theme.value) + 1) % ORDER.length] as Theme;
  theme.value = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    /* not remembered, still used */
  }
}

/** The value of a colour of the style sheet, such as "--ink". */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
