import { loss } from './scenarios/loss.mjs';
import { reconnect } from './scenarios/reconnect.mjs';
import { session } from './scenarios/session.mjs';
import { start } from './scenarios/start.mjs';

export { NotApplicable, play } from './stage.mjs';

/** Every scenario by its family, in the order in which they are read. */
export const FAMILIES = { loss, reconnect, session, start };
