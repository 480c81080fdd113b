/** Rules for paths, in their order: the first that fits holds. Rows move up and down, and go. */
import { useLayoutEffect, useRef } from "preact/hooks";
import { announce } from "../../state/announce";
import { setRules, type Draft, type PathRule } from "../../state/rules";
import { Icon } from "../icon";

interface Props {
  domain: string;
  draft: Draft;
  wrong: string | undefined;
}

export function PathRules({ domain, draft, wrong }: Props) {
  const rules = draft.now.path_rules;
  const list = useRef<HTMLOListElement>(null);
  const adder = useRef<HTMLButtonElement>(null);
  // where focus goes when the rows have changed
  const next = useRef<string | null>(null);
  useLayoutEffect(() => {
    if (!next.current) return;
    const found = list.current?.querySelector<HTMLElement>(`${next.current}:not(:disabled)`);
    (found ?? adder.current)?.focus();
    next.current = null;
  });

  const set = (changed: PathRule[]) => setRules(domain, "path_rules", changed);
  const write = (at: number, part: Partial<PathRule>) => set(rules.map((rule, index) => (index === at ? { ...rule, ...part } : rule)));
  const add = () => {
    next.current = `[data-from="${rules.length}"]`;
    set([...rules, { from: "", to: "" }]);
  };
  const remove = (at: number) => {
    next.current = `[data-from="${Math.min(at, rules.length - 2)}"]`;
    set(rules.filter((_, index) => index !== at));
  };
  const move = (at: number, by: -1 | 1) => {
    const moved = [...rules];
    const [rule] = moved.splice(at, 1);
    if (!rule) return;
    moved.splice(at + by, 0, rule);
    const edge = at + by === 0 || at + by === rules.length - 1;
    next.current = edge ? `[data-from="${at + by}"]` : `[data-move="${at + by} ${by}"]`;
    set(moved);
    announce(`Rule ${at + 1} is now rule ${at + by + 1}`);
  };
  const isWrong = (text: string) => (wrong?.includes(JSON.stringify(text.trim())) ? true : undefined);

  return (
    <div class="field">
      <h3 id="path-rules-title">Paths that become one</h3>
      <p class="hint" id="path-rules-hint">
        <code>*</code> stands for one part of a path, <code>**</code> for the rest. The first rule that fits holds.
      </p>
      {rules.length > 0 && (
        <ol class="path-rules" ref={list} aria-labelledby="path-rules-title" aria-describedby="path-rules-hint">
          {rules.map((rule, at) => (
            <li key={at}>
              <span class="place" aria-hidden="true">
                {at + 1}
              </span>
              <label>
                <span class={at > 0 ? "above only-phone" : "above"}>
                  Paths like<span class="unseen"> (rule {at + 1})</span>
                </span>
                <input
                  class="input mono"
                  data-from={at}
                  value={rule.from}
                  placeholder="/user/*"
                  autocapitalize="none"
                  spellcheck={false}
                  aria-label={`Rule ${at + 1}: paths like`}
                  aria-invalid={isWrong(rule.from)}
                  onInput={(event) => write(at, { from: event.currentTarget.value })}
                />
              </label>
              <label>
                <span class={at > 0 ? "above only-phone" : "above"}>
                  Are stored as<span class="unseen"> (rule {at + 1})</span>
                </span>
                <input
                  class="input mono"
                  value={rule.to}
                  placeholder="/user/:name"
                  autocapitalize="none"
                  spellcheck={false}
                  aria-label={`Rule ${at + 1}: are stored as`}
                  aria-invalid={isWrong(rule.to)}
                  onInput={(event) => write(at, { to: event.currentTarget.value })}
                />
              </label>
              <span class="moves">
                <button type="button" class="button plain square up" data-move={`${at} -1`} disabled={at === 0} aria-label={`Move rule ${at + 1} up`} onClick={() => move(at, -1)}>
                  <Icon name="down" />
                </button>
                <button type="button" class="button plain square" data-move={`${at} 1`} disabled={at === rules.length - 1} aria-label={`Move rule ${at + 1} down`} onClick={() => move(at, 1)}>
                  <Icon name="down" />
                </button>
                <button type="button" class="button plain square" aria-label={`Remove rule ${at + 1}`} onClick={() => remove(at)}>
                  <Icon name="x" />
                </button>
              </span>
            </li>
          ))}
        </ol>
      )}
      {wrong && (
        <p class="wrong" role="alert">
          <Icon name="alert" />
          {wrong}
        </p>
      )}
      <div class="row-flex">
        <button type="button" class="button" ref={adder} onClick={add}>
          <Icon name="plus" />
          Add a rule
        </button>
      </div>
    </div>
  );
}
