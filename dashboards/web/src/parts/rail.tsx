/** Where one is in a set-up: the steps done, the step at hand, the steps to come. */
import { Icon } from "./icon";

export function Rail({ steps, at }: { steps: string[]; at: number }) {
  return (
    <ol class="rail" aria-label="Steps">
      {steps.map((step, index) => (
        <li key={step} class={index < at ? "done" : ""} aria-current={index === at ? "step" : undefined}>
          <span class="dot">{index < at ? <Icon name="check" /> : index + 1}</span>
          {step}
          {index < at && <span class="unseen"> done</span>}
        </li>
      ))}
    </ol>
  );
}

export const FIRST_STEPS = ["Your account", "Your site", "The snippet", "The first visit"];
export const SITE_STEPS = ["Your site", "The snippet", "The first visit"];
