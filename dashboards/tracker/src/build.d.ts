/** Set by the build: true in `full.js`, false in `script.js`, where what it guards is left out. */
declare const FULL: boolean;

/** Set by the build: true in the scripts under other tools' names. */
declare const STAND_IN: boolean;

/** What only some browsers say. */
interface Navigator {
  readonly msDoNotTrack?: string;
  readonly globalPrivacyControl?: boolean;
}
