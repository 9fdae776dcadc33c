import { isNode, parseDocument } from 'yaml';
import { toManifest } from '../policy/manifest-text.js';
import { printable } from '../printable.js';
import { documentText } from '../yaml-text.js';
import type { Suggestion } from './suggest.js';

/** The suggested policy as a manifest; above each rule is the evidence for it. */
export function suggestionText({ policy, evidence }: Suggestion): string {
  const document = parseDocument(toManifest(policy));
  for (const [id, { accesses, count, examples }] of evidence) {
    const [section = '', list = '', index = ''] = id.split(/[.[\]]/u);
    const entry = document.getIn(['spec', section, list, Number(index)], true);
    if (!isNode(entry)) continue;
    const times = count === 1 ? 'once' : `${count} times`;
    const seen = accesses === 0 ? 'nothing of the kind was seen' : `seen ${times}: ${examples.join(', ')}`;
    entry.commentBefore = ` ${printable(seen)}`;
  }
  return documentText(document, { lineWidth: 0 });
}
