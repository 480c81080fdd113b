/** The filters in force as pills: the words open the editor, the cross removes. One more can be added. */
import { address } from "../state/address";
import { filterWords } from "../state/filters";
import { change, viewHref, type View } from "../state/view";
import { Bone } from "./empty";
import { Icon } from "./icon";
import { lazy } from "./lazy";
import { Popover } from "./popover";

const FilterEditor = lazy(async () => (await import("./filter-editor")).FilterEditor, <Bone width={8} />);

function Pill({ at, view }: { at: number; view: View }) {
  const filter = view.filters[at];
  if (!filter) return null;
  const { what, value } = filterWords(filter);
  const drop = () => {
    change(address.value, { filters: view.filters.filter((_, index) => index !== at) });
    // the pill is gone, and focus must not go with it
    document.querySelector<HTMLElement>("[popovertarget=add-filter]")?.focus();
  };
  return (
    <span class="pill">
      <Popover
        label={`Edit filter: ${what} ${value}`}
        name={`Edit filter: ${what} ${value}`}
        title={`${what} ${value}`}
        sheetClass="filter-sheet"
        buttonClass="words"
        button={
          <>
            {what} <b>{value}</b>
          </>
        }
      >
        {(close) => <FilterEditor view={view} at={at} close={close} />}
      </Popover>
      <button type="button" class="drop" aria-label={`Remove filter: ${what} ${value}`} onClick={drop}>
        <Icon name="x" />
      </button>
    </span>
  );
}

export function Pills({ view }: { view: View }) {
  const { filters } = view;
  return (
    <div class="pills">
      <Popover
        id="add-filter"
        label="Add a filter"
        sheetClass="filter-sheet"
        buttonClass="button plain"
        button={
          <>
            <Icon name="filter" />
            Filter
          </>
        }
      >
        {(close) => <FilterEditor view={view} at={null} close={close} />}
      </Popover>
      {filters.map((_, index) => (
        <Pill key={index} at={index} view={view} />
      ))}
      {filters.length > 0 && (
        <a class="button plain" href={viewHref(address.value, { filters: [] })}>
          Clear{filters.length > 1 ? " all" : ""}
        </a>
      )}
      {filters.length === 0 && <p class="pills-hint only-wide">or click a row to filter by it</p>}
    </div>
  );
}
