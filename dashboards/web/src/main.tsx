/** Starts the dashboard: theme first, so that nothing flashes, then the page of the address. */
import { render } from "preact";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/controls.css";
import "./styles/floating.css";
import "./styles/forms.css";
import "./styles/panels.css";
import "./styles/chart.css";
import "./styles/lists.css";
import "./styles/states.css";
import "./styles/first-run.css";
import { App } from "./app";
import { watchAddress } from "./state/address";
import { startBeat } from "./state/load";
import { loadMe } from "./state/login";
import { watchTheme } from "./state/theme";

watchTheme();
watchAddress();
startBeat();
void loadMe();

const root = document.getElementById("app");
if (root) render(<App />, root);
