/** What a new visitor trains where no model comes with the page: a small network from random weights. */
import quickstart from '../../../configs/quickstart.yaml?raw';

/** Without the comments that are for the command line. */
export const startRecipe: string = quickstart.replace(/^(#[^\n]*\n)+\n*/, '');
