export { callerHasGone, finishInTurns, inTurns, nextTurn } from '../turns.js';
