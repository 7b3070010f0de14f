/** The view as a Lumino widget: it takes part in the stream only while it is visible. */

import React from 'react';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import { gpuIcon } from './icons';
import type { Tab } from './tokens';
import { View, type IViewProps } from './ui/view';

/** The GPU view, for the sidebar or for the main area. */
export class GpuWidget extends ReactWidget {
  /** A view that is not yet shown. */
  constructor(private readonly _options: Omit<IViewProps, 'visible' | 'theme' | 'chosen'>) {
    super();
    const { trans, wide } = _options;
    this.id = wide ? 'jp-gpumon-wide' : 'jp-gpumon';
    this.addClass('jp-GpuMon');
    this.title.icon = gpuIcon;
    this.title.caption = trans.__('GPUs');
    if (wide) {
      this.title.label = trans.__('GPUs');
      this.title.closable = true;
    }
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('GPU monitor'));
    this._observer.observe(document.body, {
      attributes: true,
      attributeFilter: ['data-jp-theme-name']
    });
  }

  /** Show this tab; an object, so that the same one can be asked for again. */
  choose(tab: Tab): void {
    this._chosen = { tab };
    this.update();
  }

  /** Stop following the theme. */
  dispose(): void {
    this._observer.disconnect();
    super.dispose();
  }

  /** @inheritdoc */
  protected render(): JSX.Element {
    const theme = document.body.dataset.jpThemeName ?? '';
    return <View {...this._options} visible={this.isVisible} theme={theme} chosen={this._chosen} />;
  }

  /** @inheritdoc */
  protected onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this.update();
  }

  /** @inheritdoc */
  protected onAfterHide(msg: Message): void {
    super.onAfterHide(msg);
    this.update();
  }

  private _chosen: IViewProps['chosen'] = null;
  // A theme's style sheet is there a little after its name.
  private readonly _observer = new MutationObserver(() =>
    window.setTimeout(() => this.update(), 100)
  );
}
