/** Which property of events is listed: a name is typed once and then remembered in the address. */
import { useId, useRef } from "preact/hooks";
import { address } from "../state/address";
import { change, type View } from "../state/view";

export function PropertyName({ view }: { view: View }) {
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const [now = ""] = view.properties;
  const show = (event: Event) => {
    event.preventDefault();
    const name = field.current?.value.trim();
    if (name) change(address.value, { property: name });
  };
  return (
    <form class="sub-choice" onSubmit={show}>
      <label for={id}>Property</label>
      <input
        key={now}
        ref={field}
        id={id}
        class="input"
        list={`${id}-known`}
        defaultValue={now}
        maxLength={100}
        placeholder="plan"
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
      />
      <datalist id={`${id}-known`}>
        {view.properties.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <button type="submit" class="button">
        Show
      </button>
    </form>
  );
}
