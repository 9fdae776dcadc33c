/** The typed client of hauberkd's API: `import { connect } from 'hauberk/client'`. */

export { connect } from './client.js';
export * from './messages.js';
