import type { PolicySettings } from '../control/resolution.js';
import type { Postures } from '../policy/model.js';
import { NOTHING_VISIBLE, readVisibility } from '../policy/visibility.js';
import type { Config } from './config.js';

/** The postures of namespaces without a setting. */
export function posturesOf(config: Config): Postures {
  const { defaultPostureProcess, defaultPostureFile, defaultPostureNetwork, defaultPostureCapabilities } = config;
  return {
    process: config.filePostureForProcesses ? defaultPostureFile : defaultPostureProcess,
    file: defaultPostureFile,
    network: defaultPostureNetwork,
    capabilities: defaultPostureCapabilities,
  };
}

/** What the operator has chosen about the meaning of policies. */
export function policySettingsOf(config: Config): PolicySettings {
  const { clusterDomain, searchDomains, filePostureForProcesses, visibility } = config;
  // The form was checked with the flag.
  const classes = readVisibility(visibility) ?? NOTHING_VISIBLE;
  return {
    clusterDomain: clusterDomain === 'off' ? undefined : clusterDomain.toLowerCase(),
    searchDomains: searchDomains
      .toLowerCase()
      .split(',')
      .filter((domain) => domain !== ''),
    filePostureForProcesses,
    ...(classes.length > 0 && { visibility: classes }),
  };
}
