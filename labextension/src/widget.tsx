/** The view as a Lumino widget: it takes part in the stream only while it is visible. */

import React from 'react';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import { gpuIcon } from './icons';
import { View, type IViewProps } from './ui/view';

/** The GPU view, for the sidebar or for the main area. */
export class GpuWidget extends ReactWidget {
  /** A view that is not yet shown. */
  constructor(private readonly _options: Omit<IViewProps, 'visible' | 'theme'>) {
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

  /** Stop following the theme. */
  dispose(): void {
    this._observer.disconnect();
    super.dispose();
  }

  /** @inheritdoc */
  protected render(): JSX.Element {
    const theme = document.body.dataset.jpThemeName ?? '';
    return <View {...this._options} visible={this.isVisible} theme={theme} />;
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

  // A theme's style sheet is there a little after its name.
  private readonly _observer = new MutationObserver(() =>
    window.setTimeout(() => this.update(), 100)
  );
}
