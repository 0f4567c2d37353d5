/** All lowerings; importing this file registers them. */
import './elements.ts';
import './reductions.ts';
import './views.ts';
