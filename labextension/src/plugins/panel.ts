/** `jupyter-gpumon:panel`: the view in the sidebar and, wide, in the main area. */

import {
  ILabShell,
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import { version } from '../../package.json';
import { CommandIDs } from '../commands';
import { gpuIcon } from '../icons';
import { KernelActions } from '../kernels';
import { Pause } from '../pause';
import { IGpuMon, type Tab } from '../tokens';
import type { IViewProps } from '../ui/view';
import { GpuWidget } from '../widget';

const DOMAIN = 'jupyter_gpumon';

/** Adds the panel, the wide view and their commands. */
export const panel: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-gpumon:panel',
  description: 'GPUs in the sidebar and, wide, in the main area.',
  autoStart: true,
  requires: [IGpuMon],
  optional: [ITranslator, ILabShell, ILayoutRestorer, ICommandPalette, ILauncher],
  activate
};

function activate(
  app: JupyterFrontEnd,
  gpumon: IGpuMon,
  translator: ITranslator | null,
  shell: ILabShell | null,
  restorer: ILayoutRestorer | null,
  palette: ICommandPalette | null,
  launcher: ILauncher | null
): void {
  const trans = (translator ?? nullTranslator).load(DOMAIN);
  const shared = {
    gpumon,
    trans,
    version,
    actions: new KernelActions(app, trans),
    pause: new Pause(),
    settings: app.serviceManager.serverSettings
  };
  const open = shell ? (): void => void app.commands.execute(CommandIDs.open) : null;
  const side = new GpuWidget({ ...shared, wide: false, onOpen: open });
  place(app, gpumon, side);
  restorer?.add(side, side.id);
  void shell?.restored.then(({ fresh }) => (fresh ? greet(app, side) : undefined));
  addShow(app, side, trans);
  addPause(app, shared);
  addWide(app, { ...shared, wide: true, onOpen: null }, shell, restorer);
  for (const command of [CommandIDs.show, CommandIDs.open, CommandIDs.pause]) {
    palette?.addItem({ command, category: trans.__('GPU Monitor') });
  }
  launcher?.add({ command: CommandIDs.open, category: trans.__('Other'), rank: 10 });
}

/** A first visit sees the GPUs without looking for them; later ones find the window as it was left. */
function greet(app: JupyterFrontEnd, side: GpuWidget): void {
  app.shell.activateById(side.id);
}

/** Put the panel on its side of the window, now and whenever the setting changes. */
function place(app: JupyterFrontEnd, gpumon: IGpuMon, side: GpuWidget): void {
  let where = '';
  const update = (): void => {
    const wanted = gpumon.preferences.current.side;
    if (wanted !== where) {
      const shown = side.isVisible;
      app.shell.add(side, wanted, { rank: 900, type: 'GPU Monitor' });
      where = wanted;
      if (shown) {
        app.shell.activateById(side.id);
      }
    }
  };
  gpumon.preferences.changed.connect(update);
  update();
}

/** The command that shows the panel, with one of its tabs where it is asked for. */
function addShow(app: JupyterFrontEnd, side: GpuWidget, trans: TranslationBundle): void {
  app.commands.addCommand(CommandIDs.show, {
    label: trans.__('Show GPUs'),
    caption: trans.__('Show the GPU panel in the sidebar'),
    icon: gpuIcon,
    describedBy: { args: { type: 'object', properties: { tab: { type: 'string' } } } },
    execute: args => {
      app.shell.activateById(side.id);
      if (args['tab']) {
        side.choose(args['tab'] as Tab);
      }
    }
  });
}

/** The command that holds all views still; what is recorded goes on. */
function addPause(
  app: JupyterFrontEnd,
  { gpumon, pause, trans }: Pick<IViewProps, 'gpumon' | 'pause' | 'trans'>
): void {
  app.commands.addCommand(CommandIDs.pause, {
    label: trans.__('Pause the GPU view'),
    caption: trans.__('Hold the GPU charts and numbers still; recording goes on'),
    isToggled: () => pause.since !== null,
    describedBy: { args: { type: 'object', properties: {} } },
    execute: () => pause.toggle(gpumon.model.now())
  });
  pause.changed.connect(() => app.commands.notifyCommandChanged(CommandIDs.pause));
}

/** The wide view: one at most, restored with the layout. */
function addWide(
  app: JupyterFrontEnd,
  options: Omit<IViewProps, 'visible' | 'theme' | 'chosen'>,
  shell: ILabShell | null,
  restorer: ILayoutRestorer | null
): void {
  const tracker = new WidgetTracker<MainAreaWidget<GpuWidget>>({ namespace: 'gpumon' });
  let wide: MainAreaWidget<GpuWidget> | null = null;
  app.commands.addCommand(CommandIDs.open, {
    label: args =>
      args['isPalette'] ? options.trans.__('Open GPUs wide') : options.trans.__('GPUs'),
    caption: options.trans.__('Open the GPU view in the main area'),
    icon: gpuIcon,
    isVisible: () => shell !== null, // Notebook 7 has one widget in its main area, and that is the notebook
    describedBy: { args: { type: 'object', properties: {} } },
    execute: () => {
      if (!wide || wide.isDisposed) {
        wide = new MainAreaWidget({ content: new GpuWidget(options) });
        wide.id = 'jp-gpumon-main';
        wide.toolbar.hide(); // the view has its own header
        void tracker.add(wide);
      }
      if (!wide.isAttached) {
        app.shell.add(wide, 'main', { type: 'GPU Monitor' });
      }
      app.shell.activateById(wide.id);
    }
  });
  void restorer?.restore(tracker, { command: CommandIDs.open, name: () => 'gpumon' });
}
