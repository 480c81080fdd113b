/** Logging in. Says what went wrong in words, and where to begin when there is no account yet. */
import { useEffect, useState } from "preact/hooks";
import { address, go } from "../state/address";
import { ApiError, call } from "../state/api";
import { loadMe, me, setupNeeded } from "../state/login";
import { Callout } from "../parts/empty";
import { TextField } from "../parts/field";
import { ThemeSwitch } from "../parts/frame";
import { Mark } from "../parts/icon";

/** Where to go after the login: back to the page that asked for it, on this dashboard only. */
function next(): string {
  const to = address.value.searchParams.get("next") ?? "/";
  return to.startsWith("/") && !to.startsWith("//") ? to : "/";
}

function trouble(error: unknown): string {
  if (!(error instanceof ApiError)) return String(error);
  if (error.status === 429 && error.wait) {
    const minutes = Math.ceil(error.wait / 60);
    return `Too many tries. Wait ${minutes === 1 ? "a minute" : `${minutes} minutes`}, then try again.`;
  }
  return error.message;
}

export function Login() {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    document.title = "Log in · headcount";
  }, []);

  const logIn = async (event: Event) => {
    event.preventDefault();
    if (!email || !password) return setWrong("Type your e-mail and your password.");
    setBusy(true);
    try {
      await call("/api/login", { email, password });
      await loadMe();
      if (me.value) go(next(), "replace");
    } catch (error) {
      setWrong(trouble(error));
    }
    setBusy(false);
  };

  return (
    <main id="main" class="centre">
      <h1 class="brand">
        <Mark />
        headcount
      </h1>
      {setupNeeded.value && (
        <div class="centre-wide">
          <Callout title="There is no account yet">
            <p>
              The program printed a line <code>setup url=…</code> where it was started. Open that address: it works once
              and for one hour. Starting headcount again prints a new one.
            </p>
          </Callout>
        </div>
      )}
      <form class="card centre-card" aria-labelledby="login-title" onSubmit={(event) => void logIn(event)} noValidate>
        <h2 id="login-title">Log in</h2>
        <TextField
          label="E-mail"
          value={email}
          set={setEmail}
          input={{ type: "email", name: "email", autocomplete: "username", autofocus: true }}
        />
        <TextField
          label="Password"
          value={password}
          set={setPassword}
          wrong={wrong || undefined}
          input={{ type: "password", name: "password", autocomplete: "current-password" }}
        />
        <button class="button primary" type="submit" disabled={busy}>
          {busy ? "Logging in" : "Log in"}
        </button>
      </form>
      <p class="quiet">No cookies for visitors, one for you: your login</p>
      <ThemeSwitch />
    </main>
  );
}
