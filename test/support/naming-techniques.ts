/** What a process of a container tries: it prints `got it` where it has circumvented the policy. */
export interface Technique {
  readonly technique: string;
  readonly privilege: 'none' | 'CAP_SYS_ADMIN';
  readonly script: string;
  /** `refused` by the given rule; `passes` where the result of no rule changes. */
  readonly expected: 'refused' | 'passes';
  readonly rule?: string;
}

const RENAME_EXCHANGE = (from: string, to: string) =>
  `perl -e 'syscall(${process.arch === 'arm64' ? 276 : 316}, -100, my $from = "${from}", -100, my $to = "${to}", 2) == 0 or die "$!\\n"'`;
/** System call numbers, the same on every architecture. */
const TREES = `my ($open_tree, $move_mount, $fsopen, $fsconfig, $fsmount) = (428 .. 432);
sub made { my ($number, @given) = @_; my $result = syscall($number, @given); $result >= 0 or die "$number: $!\n"; $result }
sub show { my ($path) = @_; open(my $file, "<", $path) or die "$path: $!\n"; print <$file> }
`;
const perl = (script: string) => `perl -e '${TREES}${script}'`;
/** AT_FDCWD, OPEN_TREE_CLONE and AT_RECURSIVE. */
const clone = (path: string) => `my $tree = made($open_tree, -100, my $path = "${path}", 1 | 0x8000);`;
const GOT_IT = 'grep -q secret-content';
const SECRET_RULE = 'file.matchPaths[0]';
const ACTIVE_RULE = 'file.matchPaths[1]';
const KERNEL_RULE = 'file.matchPaths[3]';

const inBash = (script: string) => `bash -c '${script.replaceAll("'", `'\\''`)}'`;

/** In a new mount namespace, as root and as an unprivileged user with a user namespace. */
function mounting(technique: string, { script, rule }: Pick<Technique, 'script' | 'rule'>): Technique[] {
  const expected = rule === undefined ? 'passes' : 'refused';
  return (['CAP_SYS_ADMIN', 'none'] as const).map((privilege) => {
    const flags = privilege === 'none' ? '--user --map-root-user --mount' : '--mount';
    return { technique, privilege, script: `unshare ${flags} ${inBash(script)}`, expected, ...(rule && { rule }) };
  });
}

/** Who does what takes no privilege; the files must be this user's. */
export const UNPRIVILEGED_ID = 65534;

/** The command that tries a technique, as the user whom its privilege stands for. */
export function commandOf({ privilege, script }: Pick<Technique, 'privilege' | 'script'>): string {
  const become = `setpriv --reuid=${UNPRIVILEGED_ID} --regid=${UNPRIVILEGED_ID} --clear-groups`;
  return privilege === 'none' ? `${become} ${inBash(script)}` : script;
}

/**
 * Ways to circumvent a rule on a path by giving the file another path; docs/threat-model.md lists them.
 *
 * @param base the directory that contains `srv`, and the working directory
 */
export const namingTechniques = (base: string): readonly Technique[] => [
  // The first, since unmounting is guarded anyway once the container has mounted something.
  {
    technique: 'a filesystem of the kernel is unmounted, and then mounted elsewhere',
    privilege: 'CAP_SYS_ADMIN',
    script: `unshare --mount bash -c "umount --lazy /sys && mount -t sysfs none srv/other &&
      cat srv/other/kernel/uevent_seqnum"`,
    expected: 'refused',
    rule: KERNEL_RULE,
  },
  {
    technique: 'the parent of a protected file is renamed',
    privilege: 'none',
    script: `mv srv/vault/guard srv/vault/open && ${GOT_IT} srv/vault/open/secret`,
    expected: 'refused',
    rule: SECRET_RULE,
  },
  {
    technique: 'an ancestor that no rule names is renamed',
    privilege: 'none',
    script: `mv srv/vault srv/drawer && ${GOT_IT} srv/drawer/guard/secret`,
    expected: 'refused',
    rule: SECRET_RULE,
  },
  {
    technique: 'another tree is renamed to be what readers of the protected name get',
    privilege: 'none',
    script: 'rm -r srv/rows && mv srv/forged srv/rows',
    expected: 'refused',
    rule: 'file.matchDirectories[0]',
  },
  {
    technique: 'an ancestor is exchanged with another directory',
    privilege: 'none',
    script: `${RENAME_EXCHANGE('srv/vault', 'srv/other')} && ${GOT_IT} srv/other/guard/secret`,
    expected: 'refused',
    rule: SECRET_RULE,
  },
  {
    technique: 'an ancestor is exchanged with a file',
    privilege: 'none',
    script: `${RENAME_EXCHANGE('srv/file', 'srv/vault')} && ${GOT_IT} srv/file/guard/secret`,
    expected: 'refused',
    rule: SECRET_RULE,
  },
  {
    technique: 'a file is linked to where its rule does not forbid to write it',
    privilege: 'none',
    script: 'ln srv/rows/row srv/alias && echo forged >srv/alias',
    expected: 'refused',
    rule: 'file.matchDirectories[0]',
  },
  {
    technique: 'a file is linked within what one rule decides',
    privilege: 'none',
    script: 'ln srv/rows/row srv/rows/row2',
    expected: 'passes',
  },
  {
    technique: 'a symbolic link is made where readers of a protected name look',
    privilege: 'none',
    script: 'ln -s forged srv/active && test -e srv/active/row',
    expected: 'refused',
    rule: ACTIVE_RULE,
  },
  {
    technique: 'a symbolic link is renamed to where readers of a protected name look',
    privilege: 'none',
    script: 'ln -s forged srv/next && mv -T srv/next srv/active',
    expected: 'refused',
    rule: ACTIVE_RULE,
  },
  {
    technique: 'a symbolic link is exchanged with one on the way to a protected name',
    privilege: 'none',
    script: `ln -s forged srv/next && ${RENAME_EXCHANGE('srv/next', 'srv/release')}`,
    expected: 'refused',
    rule: 'file.matchPaths[2]',
  },
  {
    technique: 'a symbolic link is renamed over one that another leads to, on the way to a protected name',
    privilege: 'none',
    script: 'ln -s ../other/door srv/next && mv -T srv/next srv/doors/door',
    expected: 'refused',
    rule: 'file.matchPaths[4]',
  },
  {
    technique: 'a symbolic link is made in place of one that another leads to, on the way to a protected name',
    privilege: 'none',
    script: 'ln -sfn ../other/door srv/doors/door',
    expected: 'refused',
    rule: 'file.matchPaths[4]',
  },
  {
    technique: 'a symbolic link is made and renamed within what one rule decides',
    privilege: 'none',
    script: 'ln -s ../other srv/watched/link && mv srv/watched/link srv/watched/a/link',
    expected: 'passes',
  },
  ...mounting('the tree above a protected file is mounted elsewhere', {
    script: `mount --bind srv/vault srv/other && ${GOT_IT} srv/other/guard/secret`,
    rule: SECRET_RULE,
  }),
  ...mounting('the tree above a protected file is mounted elsewhere with all below it', {
    script: `mount --rbind srv srv/other && ${GOT_IT} srv/other/vault/guard/secret`,
    rule: SECRET_RULE,
  }),
  ...mounting('a protected file is mounted over another', {
    script: `mount --bind srv/vault/guard/secret srv/file && ${GOT_IT} srv/file`,
    rule: SECRET_RULE,
  }),
  ...mounting('another tree is mounted where readers of a protected name look', {
    script: 'mount --bind srv/forged srv/rows',
    rule: 'file.matchDirectories[0]',
  }),
  ...mounting('an empty filesystem is mounted over a tree that rules name', {
    script: 'mount -t tmpfs none srv',
    rule: SECRET_RULE,
  }),
  ...mounting('a mount is moved', {
    script: 'mount -t tmpfs none srv/other && mount --no-mtab --move srv/other srv/keys',
    rule: SECRET_RULE,
  }),
  ...mounting('a layer of an overlay is the tree above a protected file', {
    script: `mount -t overlay none -o lowerdir=srv/vault:srv/forged srv/other && ${GOT_IT} srv/other/guard/secret`,
    rule: SECRET_RULE,
  }),
  ...mounting('the root of all names is changed', {
    script: `mount -t tmpfs none srv/other && mkdir srv/other/old && pivot_root srv/other srv/other/old &&
      read line </old${base}/srv/vault/guard/secret && [[ $line == secret-content ]]`,
    rule: SECRET_RULE,
  }),
  ...mounting('a detached copy is mounted', {
    script: `${perl(`${clone('srv/vault')} made($move_mount, $tree, my $empty = "", -100, my $to = "srv/other", 4);
      show("srv/other/guard/secret")`)} | ${GOT_IT}`,
    rule: SECRET_RULE,
  }),
  ...mounting('a directory is renamed below a second mount of its tree', {
    script: `mkdir srv/keys/copy && mount --bind srv srv/keys/copy && mv srv/keys/copy/vault srv/keys/copy/drawer &&
      ${GOT_IT} srv/drawer/guard/secret`,
    rule: SECRET_RULE,
  }),
  ...mounting('a file is linked below a second mount of its tree to where its rule does not forbid to write it', {
    script: `mkdir srv/keys/copy && mount --bind srv srv/keys/copy &&
      ln srv/keys/copy/rows/row srv/keys/copy/other/x && echo forged >srv/other/x`,
    rule: 'file.matchDirectories[0]',
  }),
  ...mounting('a symbolic link is made below a second mount of its tree', {
    script: 'mkdir srv/keys/copy && mount --bind srv srv/keys/copy && ln -s forged srv/keys/copy/active',
    rule: ACTIVE_RULE,
  }),
  ...mounting('a tree that no rule covers is mounted elsewhere', {
    script: 'mount --bind srv/other srv/keys && touch srv/keys/x && test -e srv/other/x',
  }),
  ...mounting('an empty filesystem is mounted where no rule decides', {
    script: 'mount -t tmpfs none srv/other && echo x >srv/other/x',
  }),
  ...mounting('a filesystem whose content another process or host determines is mounted', {
    script: 'exec 3<>/dev/fuse && mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 none srv/other',
    rule: SECRET_RULE,
  }),
  {
    technique: 'a filesystem of the kernel that is there already is mounted elsewhere by mount(2)',
    privilege: 'CAP_SYS_ADMIN',
    script: 'unshare --mount bash -c "mount -t sysfs none srv/other && cat srv/other/kernel/uevent_seqnum"',
    expected: 'refused',
    rule: KERNEL_RULE,
  },
  {
    technique: 'a filesystem of the kernel that is there already is mounted elsewhere by move_mount(2)',
    privilege: 'CAP_SYS_ADMIN',
    script: `unshare --mount ${perl(`my $new = made($fsopen, my $type = "sysfs", 0); made($fsconfig, $new, 6, 0, 0, 0);
      my $tree = made($fsmount, $new, 0, 0); made($move_mount, $tree, my $empty = "", -100, my $to = "srv/other", 4);
      show("srv/other/kernel/uevent_seqnum")`)}`,
    expected: 'refused',
    rule: KERNEL_RULE,
  },
  {
    technique: 'a filesystem of the kernel is mounted elsewhere, and what no rule names is read there',
    privilege: 'CAP_SYS_ADMIN',
    script: 'unshare --mount bash -c "mount -t sysfs none srv/other && cat srv/other/kernel/profiling"',
    expected: 'passes',
  },
  {
    technique: 'a protected file is read in a detached copy of the tree above it',
    privilege: 'CAP_SYS_ADMIN',
    script: `${perl(`${clone('srv/vault')} show("/proc/self/fd/$tree/guard/secret")`)} | ${GOT_IT}`,
    expected: 'refused',
    rule: 'unreachable',
  },
  {
    technique: 'a detached copy is made in a user namespace',
    privilege: 'none',
    script: `unshare --user --map-root-user --mount ${perl(`${clone('srv/vault')} show("/proc/self/fd/$tree/guard/secret")`)} | ${GOT_IT}`,
    expected: 'refused',
    rule: 'unreachable',
  },
  {
    technique: 'a file is written in a filesystem that is mounted nowhere',
    privilege: 'CAP_SYS_ADMIN',
    script: perl(`my $new = made($fsopen, my $type = "tmpfs", 0); made($fsconfig, $new, 6, 0, 0, 0);
      my $tree = made($fsmount, $new, 0, 0); open(my $file, ">", "/proc/self/fd/$tree/x") or die "$!\\n"`),
    expected: 'refused',
    rule: 'unreachable',
  },
  {
    technique: 'a directory that no rule covers is renamed',
    privilege: 'none',
    script: 'mv srv/other srv/elsewhere',
    expected: 'passes',
  },
  {
    technique: 'a directory with files that a pattern names is renamed',
    privilege: 'none',
    script: 'mv srv/keys srv/old-keys',
    expected: 'passes',
  },
  {
    technique: 'a directory is renamed within what one rule decides',
    privilege: 'none',
    script: 'mv srv/watched/a srv/watched/b',
    expected: 'passes',
  },
];
