/** Tabs: arrows move and choose, Tab leaves. A single tab is a heading. */

interface Props {
  label: string;
  tabs: { id: string; label: string }[];
  on: string;
  /** id of the panel that the tabs fill */
  controls: string;
  choose: (id: string) => void;
}

const STEPS: Record<string, number> = { ArrowRight: 1, ArrowLeft: -1 };

export function Tabs({ label, tabs, on, controls, choose }: Props) {
  if (tabs.length === 1) return <h2>{label}</h2>;

  const onKeyDown = (event: KeyboardEvent) => {
    const move = STEPS[event.key];
    if (move === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const at = tabs.findIndex((tab) => tab.id === on);
    const to = tabs[(at + move + tabs.length) % tabs.length];
    if (!to) return;
    choose(to.id);
    document.getElementById(`${controls}-${to.id}`)?.focus();
  };

  return (
    <>
      <h2 class="unseen">{label}</h2>
      <div class="tabs" role="tablist" aria-label={label} onKeyDown={onKeyDown}>
        {tabs.map((tab) => (
          <button
            key={tab.id}
            id={`${controls}-${tab.id}`}
            type="button"
            role="tab"
            aria-selected={tab.id === on}
            aria-controls={controls}
            tabIndex={tab.id === on ? 0 : -1}
            onClick={() => choose(tab.id)}
          >
            {tab.label}
          </button>
        ))}
      </div>
    </>
  );
}
