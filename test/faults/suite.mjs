import { fidelity } from './scenarios/fidelity.mjs';
import { life } from './scenarios/life.mjs';
import { loss } from './scenarios/loss.mjs';
import { order } from './scenarios/order.mjs';
import { reconnect } from './scenarios/reconnect.mjs';
import { session } from './scenarios/session.mjs';
import { silence } from './scenarios/silence.mjs';
import { size } from './scenarios/size.mjs';
import { start } from './scenarios/start.mjs';

export { NotApplicable, play } from './stage.mjs';

/** Every scenario by its family, in the order in which they are read. */
export const FAMILIES = { loss, reconnect, session, silence, start, order, life, fidelity, size };
