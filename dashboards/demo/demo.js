/**
 * The demo site's own script: buttons that send a custom event, and an honest word when this
 * browser asks not to be counted. A separate file, because pages here carry no inline script.
 */
const signal =
  navigator.globalPrivacyControl === true
    ? "Global Privacy Control"
    : navigator.doNotTrack === "1"
      ? "Do Not Track"
      : saidByHeader()
        ? "a request header"
        : null;

/** The server passes on a signal that only the request carried. */
function saidByHeader() {
  const [page] = performance.getEntriesByType("navigation");
  return (page?.serverTiming ?? []).some((entry) => entry.name === "opted-out");
}

function ignored() {
  try {
    return localStorage.headcount_ignore === "true";
  } catch {
    return false;
  }
}

function silence() {
  if (signal) return `Nothing was sent: this browser asks not to be counted (${signal}), and headcount keeps nothing of browsers that do. Try another browser.`;
  if (ignored()) return "Nothing was sent: headcount_ignore is set in this browser.";
  if (navigator.webdriver && !window.__headcount_automation) return "Nothing was sent: a program drives this browser.";
  return null;
}

const why = silence();
if (why) {
  document.querySelector("[data-counted]").hidden = true;
  const note = document.querySelector("[data-not-counted]");
  note.textContent = why;
  note.hidden = false;
}

const said = document.querySelector("[data-said]");
for (const button of document.querySelectorAll("[data-event]")) {
  button.addEventListener("click", () => {
    const { event: name, plan } = button.dataset;
    if (why) {
      said.textContent = why;
      return;
    }
    window.headcount(name, {
      props: { plan },
      callback: (answer) => {
        said.textContent =
          answer?.status === 202
            ? `The event “${name}” was sent, with plan “${plan}”.`
            : answer
              ? "The event could not be sent. Is the server running?"
              : "Nothing was sent: this browser, or a switch that is kept in it, asks not to be counted.";
      },
    });
  });
}
