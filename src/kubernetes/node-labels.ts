import { isDeepStrictEqual } from 'node:util';
import type { PolicyRegistry } from '../control/policy-registry.js';
import { Failure } from '../failure.js';
import type { FollowedKind, FollowedList } from './followed-list.js';

type Labels = Readonly<Record<string, string>>;

/** The labels of this node, which selectors of policies for hosts ask for. */
export class NodeLabels {
  readonly list: FollowedList;
  #reported: Labels | undefined;
  /** Those that the host has. */
  #brought: Labels | undefined;
  #refusal: string | undefined;

  /**
   * @param follow makes the list, which calls the function at each change
   * @param onChange called when the labels have changed: the node itself changes every few seconds
   */
  constructor(
    readonly node: string,
    follow: (kind: FollowedKind, onChange: () => void) => FollowedList,
    readonly policies: Pick<PolicyRegistry, 'setHostLabels'>,
    onChange: () => void,
  ) {
    this.list = follow({ path: '/api/v1/nodes', fieldSelector: `metadata.name=${node}` }, () => {
      const labels = this.#labels;
      if (isDeepStrictEqual(labels, this.#reported)) return;
      this.#reported = labels;
      onChange();
    });
  }

  /** Gives the host the labels that the node has. @throws Failure where that cannot be written down */
  async bring(): Promise<void> {
    const labels = this.#labels;
    if (labels === undefined || isDeepStrictEqual(labels, this.#brought)) return;
    try {
      await this.policies.setHostLabels(labels);
      this.#brought = labels;
      this.#refusal = undefined;
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'failed-precondition') throw error;
      this.#refusal = error.message;
    }
  }

  warnings(): string[] {
    const isUnknown = this.list.isListed && this.#labels === undefined;
    return [
      ...(isUnknown
        ? [`the cluster has no node ${this.node}, nor pods of it: --node-name says what it is called`]
        : []),
      ...(this.#refusal === undefined ? [] : [`the host does not follow the labels of its node: ${this.#refusal}`]),
    ];
  }

  /** Undefined while they are not known. */
  get #labels(): Labels | undefined {
    const [node] = this.list.objects;
    return node && (node.metadata.labels ?? {});
  }
}
