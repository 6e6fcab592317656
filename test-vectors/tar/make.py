#!/usr/bin/env python3
"""Makes the golden tar archives, on Linux, as root, with GNU tar, bsdtar, setfacl and setcap, in a directory whose file
system has user attributes, ACLs and holes. What the archives must hold is taken from the tree itself, not from them."""

import base64
import gzip
import hashlib
import json
import os
import stat
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ENVIRONMENT = {'LC_ALL': 'C.UTF-8', 'TZ': 'UTC', 'PATH': os.environ['PATH']}
SECOND = 1_000_000_000


def write(path, content=b'', mode=0o644, owner=(0, 0)):
    with open(path, 'wb') as file:
        file.write(content)
    os.chown(path, *owner)
    os.chmod(path, mode)


def write_sparse(path, size, stretches):
    with open(path, 'wb') as file:
        for offset, content in stretches:
            file.seek(offset)
            file.write(content)
        file.truncate(size)


def make_plain(root):
    """What even v7 can hold."""
    os.mkdir(f'{root}/etc', 0o755)
    write(f'{root}/etc/hosts', b'127.0.0.1 localhost\n')
    write(f'{root}/etc/shadow', b'root:*:\n', 0o640, (0, 42))
    write(f'{root}/empty')
    write(f'{root}/block', b'b' * 512)
    write(f'{root}/block-and-one', b'c' * 513)
    write(f'{root}/large', bytes(range(256)) * 1200)  # more than is had at once, and no multiple of a block
    write(f'{root}/setuid', b'#!', 0o4755)
    os.mkdir(f'{root}/sticky', 0o755)
    os.chmod(f'{root}/sticky', 0o1777)
    os.symlink('../etc/hosts', f'{root}/sticky/link')
    os.link(f'{root}/etc/hosts', f'{root}/hosts-again')
    write(f'{root}/{"n" * 94}', b'a name that makes 96 bytes with what stands before')


def make_ustar(root):
    make_plain(root)
    os.mkfifo(f'{root}/fifo', 0o600)
    os.mknod(f'{root}/null', 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    os.mknod(f'{root}/sda1', 0o660 | stat.S_IFBLK, os.makedev(8, 1))
    os.chown(f'{root}/sda1', 0, 6)
    os.mkdir(f'{root}/{"d" * 90}')
    write(f'{root}/{"d" * 90}/{"f" * 90}', b'split in two')


def make_full(root):
    make_ustar(root)
    deep = '/'.join(['e' * 90] * 3)
    os.makedirs(f'{root}/{deep}')
    write(f'{root}/{deep}/file', b'deep')
    os.symlink('t' * 180, f'{root}/long-link')
    os.link(f'{root}/{deep}/file', f'{root}/deep-again')
    write(f'{root}/ids', owner=(3_000_000, 4_000_000_000))
    write(f'{root}/\u00fcml\u00e4ut')
    write(os.fsencode(root) + b'/not-utf8-\xff\xfe')
    write(f'{root}/new\nline\ttab\\"quote\'', b'odd')
    os.symlink('\u00fcml\u00e4ut', f'{root}/link-to-\u00fcml\u00e4ut')
    for name, time in [
        ('past', -315_619_200 * SECOND),
        ('after-2038', 4_102_444_800 * SECOND),
        ('after-2242', 10_413_792_000 * SECOND),
    ]:
        write(f'{root}/{name}')
        os.utime(f'{root}/{name}', ns=(time, time))


def make_attributes(root):
    write(f'{root}/xattrs', b'x')
    os.setxattr(f'{root}/xattrs', 'user.text', b'value')
    os.setxattr(f'{root}/xattrs', 'user.binary', b'\x00\xff=\n\x80\xc3')
    os.setxattr(f'{root}/xattrs', 'user.empty', b'')
    os.setxattr(f'{root}/xattrs', 'user.with space=equals%percent', b'1')
    os.setxattr(f'{root}/xattrs', b'user.\xc3\xa9\xff', b'2')
    os.setxattr(f'{root}/xattrs', 'user.large', bytes(range(256)) * 8)
    write(f'{root}/ping', b'#!', 0o755)
    subprocess.run(['setcap', 'cap_net_raw+ep', f'{root}/ping'], check=True)
    write(f'{root}/acl', b'a')
    subprocess.run(['setfacl', '-m', 'u:1234:rwx,g:4321:r--,u:daemon:r-x', f'{root}/acl'], check=True)
    os.mkdir(f'{root}/default-acl', 0o750)
    subprocess.run(['setfacl', '-d', '-m', 'u:1234:r-x', f'{root}/default-acl'], check=True)


def make_sparse(root):
    data = b'0123456789abcdef' * 256  # a block of the file system
    size = 1 << 20
    write_sparse(f'{root}/hole-alone', size, [])
    write_sparse(f'{root}/hole-first', size, [(size - 4096, data)])
    write_sparse(f'{root}/hole-last', size, [(0, data)])
    write_sparse(f'{root}/hole-amid', 3 * 4096 + 77, [(0, data), (2 * 4096, data + b'z' * 77)])
    write_sparse(f'{root}/many', 120 * 4096, [(index * 2 * 4096, data) for index in range(60)])
    write_sparse(f'{root}/wide', 9 << 30, [(0, data), (9 << 30, b'')])
    write(f'{root}/dense', data)


def settle_times(root):
    """Times that differ from entry to entry, most of them with nanoseconds; those that were set stay."""
    paths = [root] + [os.path.join(top, name) for top, dirs, files in os.walk(root, topdown=False) for name in dirs + files]
    for index, path in enumerate(sorted(paths, key=os.fsencode, reverse=True)):
        info = os.lstat(path)
        if info.st_mtime > 1_700_000_000 and info.st_mtime < 4_000_000_000:
            time = 1_600_000_000 * SECOND + index * (SECOND + 120_000_001 * (index % 3))
            os.utime(path, ns=(time, time), follow_symlinks=False)


def acl_of(path, kind):
    text = subprocess.run(['getfacl', '--absolute-names', '--numeric', '--omit-header', f'--{kind}', path], check=True, capture_output=True).stdout.decode()
    lines = [line.split('\t')[0] for line in text.split('\n') if line]
    return [line.removeprefix('default:') for line in lines] if any(':' in line for line in lines) else []


def describe(root):
    """Each file once, by its path, with the names that are links to it."""
    files = {}
    first_of = {}
    names = []
    for top, dirs, found in os.walk(os.fsencode(root)):
        dirs.sort()
        names += [os.path.join(top, name) for name in found + dirs]
    for path in [os.fsencode(root)] + sorted(names):
        info = os.lstat(path)
        name = os.fsdecode(os.path.relpath(path, os.fsencode(root))).removeprefix('.') if path != os.fsencode(root) else ''
        entry = {
            'inode': first_of.setdefault(info.st_ino, name),
            'type': {stat.S_IFREG: 'file', stat.S_IFDIR: 'directory', stat.S_IFLNK: 'symlink', stat.S_IFIFO: 'fifo', stat.S_IFCHR: 'char', stat.S_IFBLK: 'block'}[stat.S_IFMT(info.st_mode)],
            'mode': stat.S_IMODE(info.st_mode),
            'uid': info.st_uid,
            'gid': info.st_gid,
            'mtime': str(info.st_mtime_ns),
        }
        if stat.S_ISLNK(info.st_mode):
            entry['linkTarget'] = os.fsdecode(os.readlink(path))
        if stat.S_ISCHR(info.st_mode) or stat.S_ISBLK(info.st_mode):
            entry['device'] = [os.major(info.st_rdev), os.minor(info.st_rdev)]
        if stat.S_ISREG(info.st_mode):
            entry['size'] = info.st_size
            if info.st_size < 1 << 30:
                entry['sha256'] = hashlib.sha256(open(path, 'rb').read()).hexdigest()
        if not stat.S_ISLNK(info.st_mode):
            values = {os.fsdecode(xattr): base64.b64encode(os.getxattr(path, xattr)).decode() for xattr in sorted(os.listxattr(path)) if not xattr.startswith('system.')}
            if values:
                entry['xattrs'] = values
            if any(xattr == 'system.posix_acl_access' for xattr in os.listxattr(path)):
                entry['acl'] = acl_of(path, 'access')
            if any(xattr == 'system.posix_acl_default' for xattr in os.listxattr(path)):
                entry['defaultAcl'] = acl_of(path, 'default')
        files[name] = entry
    return files


TREES = {'plain': make_plain, 'ustar': make_ustar, 'full': make_full, 'attributes': make_attributes, 'sparse': make_sparse}
VZDUMP = '--one-file-system -p --sparse --numeric-owner --acls --xattrs --xattrs-include=user.* --xattrs-include=security.capability --warning=no-file-ignored --warning=no-xattr-write'
NO_TIMES = '--pax-option=delete=atime,delete=ctime'

# name: tree, command; {0} is the archive, {1} the tree
ARCHIVES = {
    'gnu-v7': ('plain', 'tar --create --file={0} --sort=name --format=v7 --directory={1} ./'),
    'gnu-ustar': ('ustar', 'tar --create --file={0} --sort=name --format=ustar --directory={1} ./'),
    'gnu-oldgnu': ('full', 'tar --create --file={0} --sort=name --format=oldgnu --directory={1} ./'),
    'gnu-gnu': ('full', 'tar --create --file={0} --sort=name --format=gnu --directory={1} ./'),
    'gnu-posix': ('full', 'tar --create --file={0} --sort=name --format=posix --directory={1} ./'),
    'gnu-attributes': ('attributes', 'tar --create --file={0} --sort=name --acls --xattrs --xattrs-include=* --directory={1} ./'),
    'gnu-sparse-old': ('sparse', 'tar --create --file={0} --sort=name --format=gnu --sparse --directory={1} ./'),
    'gnu-sparse-0.0': ('sparse', 'tar --create --file={0} --sort=name --format=posix --sparse --sparse-version=0.0 --directory={1} ./'),
    'gnu-sparse-0.1': ('sparse', 'tar --create --file={0} --sort=name --format=posix --sparse --sparse-version=0.1 --directory={1} ./'),
    'gnu-sparse-1.0': ('sparse', 'tar --create --file={0} --sort=name --format=posix --sparse --sparse-version=1.0 --directory={1} ./'),
    'gnu-incremental': ('plain', 'tar --create --file={0} --sort=name --format=gnu --listed-incremental=/dev/null --directory={1} ./'),
    'gnu-incremental-posix': ('plain', 'tar --create --file={0} --sort=name --format=posix --listed-incremental=/dev/null --directory={1} ./'),
    'gnu-label': ('plain', 'tar --create --file={0} --sort=name --format=gnu --label=LABEL --directory={1} ./'),
    'gnu-label-posix': ('plain', 'tar --create --file={0} --sort=name --format=posix --label=LABEL --directory={1} ./'),
    'gnu-global': ('plain', 'tar --create --file={0} --sort=name --format=posix --pax-option=comment=hello,mtime=1000.5 --directory={1} ./'),
    'vzdump-full': ('full', f'tar --create --file={{0}} --sort=name {VZDUMP} {NO_TIMES} --directory={{1}} ./'),
    'vzdump-attributes': ('attributes', f'tar --create --file={{0}} --sort=name {VZDUMP} {NO_TIMES} --directory={{1}} ./'),
    'vzdump-sparse': ('sparse', f'tar --create --file={{0}} --sort=name {VZDUMP} {NO_TIMES} --directory={{1}} ./'),
    'bsd-ustar': ('ustar', 'bsdtar --create --file={0} --format=ustar --directory={1} .'),
    'bsd-gnu': ('full', 'bsdtar --create --file={0} --format=gnutar --directory={1} .'),
    'bsd-pax': ('full', 'bsdtar --create --file={0} --format=pax --directory={1} .'),
    'bsd-attributes': ('attributes', 'bsdtar --create --file={0} --format=pax --acls --xattrs --directory={1} .'),
    'bsd-sparse': ('sparse', 'bsdtar --create --file={0} --format=pax --read-sparse --directory={1} .'),
}


def main():
    expected = {'tools': {}, 'trees': {}, 'archives': {}}
    for tool in ['tar', 'bsdtar']:
        expected['tools'][tool] = subprocess.run([tool, '--version'], capture_output=True, text=True).stdout.split('\n')[0]
    with tempfile.TemporaryDirectory() as scratch:
        for tree, make in TREES.items():
            root = f'{scratch}/{tree}'
            os.mkdir(root, 0o755)
            make(root)
            settle_times(root)
            expected['trees'][tree] = describe(root)
        for name, (tree, command) in ARCHIVES.items():
            archive = f'{scratch}/archive'
            words = [word.format(archive, f'{scratch}/{tree}') for word in command.split(' ')]
            subprocess.run(words, check=False, env=ENVIRONMENT, stderr=subprocess.DEVNULL)
            listing = subprocess.run(['tar', '-tvf', archive, '--full-time'], env=ENVIRONMENT, capture_output=True)
            content = open(archive, 'rb').read()
            with open(f'{HERE}/{name}.tar.gz', 'wb') as file:
                file.write(gzip.compress(content, 9, mtime=0))
            expected['archives'][name] = {
                'tree': tree,
                'command': command,
                'sha256': hashlib.sha256(content).hexdigest(),
                'listing': listing.stdout.decode().split('\n')[:-1],
            }
    with open(f'{HERE}/expected.json', 'w') as file:
        json.dump(expected, file, indent=1, ensure_ascii=True)
        file.write('\n')


if __name__ == '__main__':
    sys.exit(main())
