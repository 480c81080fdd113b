/** One polite sentence for screen readers after a change, not one for each panel. */
import { signal } from "@preact/signals";

export const announced = signal("");

export function announce(sentence: string): void {
  announced.value = sentence;
}
