/**
 * Light, dark, or as the system has it. The choice is kept on this device and nowhere else, and is
 * the only thing the dashboard stores.
 */
import { signal } from "@preact/signals";

export type Theme = "light" | "system" | "dark";

const SLOT = "headcount_theme";

function kept(): Theme {
  try {
    const value = localStorage.getItem(SLOT);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system";
  }
}

export const theme = signal<Theme>(kept());

/** Rises when colours may have changed: charts read theirs again. */
export const painted = signal(0);

function apply(choice: Theme): void {
  if (choice === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
  painted.value += 1;
}

export function setTheme(choice: Theme): void {
  theme.value = choice;
  apply(choice);
  try {
    if (choice === "system") localStorage.removeItem(SLOT);
    else localStorage.setItem(SLOT, choice);
  } catch {
    // storage may be forbidden: the choice then lasts as long as the page
  }
}

/** Applies what is kept and follows the system; called once, before anything is drawn. */
export function watchTheme(): void {
  apply(theme.value);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => (painted.value += 1));
}
