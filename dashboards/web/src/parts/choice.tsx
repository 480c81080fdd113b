/** A few ways to see the same thing, one of them chosen: radio buttons drawn as a switch. */

interface Props<T extends string> {
  label: string;
  name: string;
  options: { id: T; label: string }[];
  on: T;
  choose: (id: T) => void;
}

export function Choice<T extends string>({ label, name, options, on, choose }: Props<T>) {
  return (
    <fieldset class="choice">
      <legend class="unseen">{label}</legend>
      {options.map((option) => (
        <label key={option.id}>
          <input type="radio" name={name} checked={option.id === on} onChange={() => choose(option.id)} />
          {option.label}
        </label>
      ))}
    </fieldset>
  );
}
