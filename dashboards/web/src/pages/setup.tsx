/**
 * The first run: account, site, and then the snippet with the wait for the first visit. Account and
 * site are sent together, because the set-up address works once.
 */
import { useEffect, useState } from "preact/hooks";
import { go } from "../state/address";
import { ApiError, call } from "../state/api";
import { loadMe } from "../state/login";
import { Callout, Empty } from "../parts/empty";
import { bareDomain, browserZone, TextField } from "../parts/field";
import { siteHref, ThemeSwitch } from "../parts/frame";
import { Mark } from "../parts/icon";
import { FIRST_STEPS, Rail } from "../parts/rail";
import { domainTrouble, SiteFields } from "../parts/site-form";

const PASSWORD_LENGTH = 12;

type Wrong = Record<string, string>;

function accountTrouble(email: string, password: string): Wrong {
  const wrong: Wrong = {};
  if (!/^\S+@\S+$/.test(email)) wrong.email = "Type an e-mail address: you log in with it.";
  if ([...password].length < PASSWORD_LENGTH) wrong.password = `At least ${PASSWORD_LENGTH} characters.`;
  return wrong;
}

function Steps({ token }: { token: string }) {
  const [step, setStep] = useState<0 | 1>(0);
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [site, setSite] = useState({ domain: "", timezone: browserZone() });
  const [wrong, setWrong] = useState<Wrong>({});
  const [busy, setBusy] = useState(false);

  const toSite = () => {
    const found = accountTrouble(email, password);
    setWrong(found);
    if (Object.keys(found).length === 0) setStep(1);
  };

  const finish = async () => {
    const domain = bareDomain(site.domain);
    const trouble = domainTrouble(domain);
    if (trouble) return setWrong({ domain: trouble });
    setBusy(true);
    try {
      const made = await call<{ domain: string }>(`/api/setup/${encodeURIComponent(token)}`, {
        email,
        password,
        domain,
        timezone: site.timezone,
      });
      await loadMe();
      go(siteHref(made.domain, "/install?first=1"), "replace");
    } catch (error) {
      const field = error instanceof ApiError ? error.field : undefined;
      setWrong({ [field ?? "all"]: error instanceof Error ? error.message : String(error) });
      if (field === "email" || field === "password") setStep(0);
      setBusy(false);
    }
  };

  const submit = (event: Event) => {
    event.preventDefault();
    if (step === 0) toSite();
    else void finish();
  };

  return (
    <div class="with-side">
      <Rail steps={FIRST_STEPS} at={step} />
      <form class="card" onSubmit={submit} noValidate aria-labelledby="step-title">
        <header>
          <h2 id="step-title">{FIRST_STEPS[step]}</h2>
          <p>{step === 0 ? "It owns this installation." : "The site that is counted first. You can add more later."}</p>
        </header>
        {step === 0 ? (
          <div class="form-grid">
            <TextField
              label="E-mail"
              value={email}
              set={setEmail}
              wrong={wrong.email}
              input={{ type: "email", name: "email", autocomplete: "username", autofocus: true }}
            />
            <TextField
              label="Password"
              hint={`At least ${PASSWORD_LENGTH} characters. A sentence works well.`}
              value={password}
              set={setPassword}
              wrong={wrong.password}
              input={{ type: "password", name: "password", autocomplete: "new-password" }}
            />
          </div>
        ) : (
          <SiteFields values={site} set={setSite} wrong={wrong} />
        )}
        {wrong.all && (
          <Callout kind="bad" title="That did not work">
            <p role="alert">{wrong.all}</p>
          </Callout>
        )}
        <div class="row-flex">
          <button type="submit" class="button primary" disabled={busy}>
            Continue
          </button>
          {step === 1 && (
            <button type="button" class="button plain" onClick={() => setStep(0)}>
              Back
            </button>
          )}
        </div>
      </form>
    </div>
  );
}

export function Setup({ token }: { token: string }) {
  const [state, setState] = useState<"asking" | "valid" | string>("asking");

  useEffect(() => {
    document.title = "Set up · headcount";
    call(`/api/setup/${encodeURIComponent(token)}`).then(
      () => setState("valid"),
      (error: Error) => setState(error.message),
    );
  }, [token]);

  return (
    <>
      <header class="site-header">
        <div>
          <span class="brand">
            <Mark />
            headcount
          </span>
          <div class="end">
            <ThemeSwitch />
          </div>
        </div>
      </header>
      <main id="main" class="is-narrow">
        <div class="page-head">
          <div>
            <h1>Set up headcount</h1>
            <p>Four steps, about two minutes.</p>
          </div>
        </div>
        {state === "valid" && <Steps token={token} />}
        {state !== "valid" && state !== "asking" && (
          <div class="card">
            <Empty icon="alert" level={2} title="This set-up address does not work">
              <p role="alert">{state}</p>
              <p>Starting headcount again prints a new one while there is no account.</p>
              <a class="button" href="/login">
                To the login
              </a>
            </Empty>
          </div>
        )}
      </main>
    </>
  );
}
