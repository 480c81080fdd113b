/**
 * Who is at the dashboard. `me` is undefined until the server was asked, and null without a login;
 * any call that answers 401 comes back here.
 */
import { signal } from "@preact/signals";
import { go } from "./address";
import { ApiError, call, type Me } from "./api";

export const me = signal<Me | null | undefined>(undefined);

/** No account exists yet: the log-in page says where the set-up address is. */
export const setupNeeded = signal(false);

/** The server could not be asked; shown in place of a page. */
export const unreachable = signal<string | null>(null);

/** Asks who is logged in. */
export async function loadMe(): Promise<void> {
  try {
    me.value = await call<Me>("/api/me");
    unreachable.value = null;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      setupNeeded.value = error.setupNeeded;
      unreachable.value = null;
      me.value = null;
    } else {
      unreachable.value = error instanceof Error ? error.message : String(error);
    }
  }
}

/** Asks again without a word, so that notices appear while the page is open. */
export async function renewMe(): Promise<void> {
  if (!me.value) return;
  await call<Me>("/api/me").then(
    (fresh) => {
      // the same answer must not draw everything again
      if (me.value && JSON.stringify(fresh) !== JSON.stringify(me.value)) me.value = fresh;
    },
    () => undefined,
  );
}

/** Ends the login on the server and here. */
export async function logOut(): Promise<void> {
  await call("/api/logout", {}).catch(() => undefined);
  me.value = null;
  go("/login");
}

/** A panel was refused: the login is over. */
export function loginEnded(): void {
  me.value = null;
}
