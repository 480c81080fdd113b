/**
 * Chromium without a driver: it does not draw pages ahead while it is driven or watched. What is to
 * be done on a page, its own script does.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { USER_AGENT, given } from "./lib.mjs";

/** Opens an address; the result closes the browser. */
export function bareBrowser(address) {
  const home = mkdtempSync(join(tmpdir(), "headcount-browser-"));
  const flags = [
    "--headless",
    `--user-data-dir=${home}`,
    `--user-agent=${USER_AGENT}`,
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
  ];
  // a group of its own, so that all of it can be ended
  const child = spawn(given.chromium, [...flags, address], { stdio: "ignore", detached: true });
  return async () => {
    const ended = new Promise((done) => child.once("exit", done));
    process.kill(-child.pid, "SIGKILL");
    await ended;
    rmSync(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  };
}
