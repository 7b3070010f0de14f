/** The commands of the extension. */

/** Names of the commands. */
export namespace CommandIDs {
  /** Show the panel in the sidebar. */
  export const show = 'gpumon:show';
  /** Open the wide view in the main area. */
  export const open = 'gpumon:open';
  /** Hold all views still, or let them go on. */
  export const pause = 'gpumon:pause';
}
