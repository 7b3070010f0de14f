/** The extension's icon. */

import { LabIcon } from '@jupyterlab/ui-components';
import gpu from '../style/icons/gpu.svg';

/** A graphics card. */
export const gpuIcon = new LabIcon({ name: 'gpumon:gpu', svgstr: gpu });
