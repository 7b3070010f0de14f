/**
 * Putting code into a new cell of the notebook that was used last.
 *
 * By commands of JupyterLab and what every notebook panel has: where there are no notebooks, nothing of them is loaded.
 */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { Widget } from '@lumino/widgets';

const INSERT = 'notebook:insert-cell-below';
/** The class of a notebook's panel. */
const PANEL = 'jp-NotebookPanel';

/** As much of a notebook's panel as is used here. */
interface INotebookPanel extends Widget {
  readonly content: { readonly activeCell: ICellWidget | null };
}

interface ICellWidget {
  readonly model: { readonly sharedModel: { setSource(source: string): void } };
}

/** Put code into a new cell below the active one; false where no notebook is open. */
export async function insertCode(app: JupyterFrontEnd, source: string): Promise<boolean> {
  const before = new Map(panels(app).map(panel => [panel, panel.content.activeCell]));
  if (!before.size || !app.commands.hasCommand(INSERT)) {
    return false;
  }
  await app.commands.execute(INSERT);
  const [panel] = [...before].find(([{ content }, cell]) => content.activeCell !== cell) ?? [null];
  // Only a cell that was not there before: nothing of the user's is written over.
  panel?.content.activeCell?.model.sharedModel.setSource(source);
  return panel !== null;
}

function panels(app: JupyterFrontEnd): readonly INotebookPanel[] {
  return [...app.shell.widgets('main')].filter(isPanel);
}

function isPanel(widget: Widget): widget is INotebookPanel {
  return widget.hasClass(PANEL) && 'content' in widget;
}
