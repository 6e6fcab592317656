/*
 * Preloaded into Node (LD_PRELOAD), makes one call on the files below a directory fail, as a failing disk or
 * server would:
 *
 *   FAIL_UNDER   the directory, an absolute path without links
 *   FAIL_CALL    fsync, name (link, rename), write or close; of the last two only what is open for writing
 *   FAIL_AT      which of these calls, from 1; 0 for none, and then the calls of every kind are told
 *   FAIL_ERRNO   what it fails with
 *   FAIL_DONE    1: a call on names is done all the same, as when a server dies before it has answered
 *   FAIL_LOG     a file to which each of these calls adds a line: `write pwrite64 /path`
 *
 * A close that fails has closed the descriptor, as on Linux. Programs that Node starts are left alone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *under, *kind;
static char log_path[PATH_MAX];
static int fail_at, fail_errno, fail_done;
static atomic_int calls;

__attribute__((constructor)) static void start(void) {
  under = getenv("FAIL_UNDER");
  kind = getenv("FAIL_CALL");
  fail_at = atoi(getenv("FAIL_AT"));
  fail_errno = atoi(getenv("FAIL_ERRNO"));
  fail_done = getenv("FAIL_DONE") != NULL;
  snprintf(log_path, sizeof log_path, "%s", getenv("FAIL_LOG"));
  under = strdup(under);
  kind = strdup(kind);
  unsetenv("LD_PRELOAD");
}

static int is_under(const char *path) {
  size_t length = under == NULL ? 0 : strlen(under);
  return length > 0 && strncmp(path, under, length) == 0 && path[length] == '/';
}

/* Whether calls of this kind are looked at. */
static int counts(const char *of) {
  return kind != NULL && (fail_at == 0 || strcmp(of, kind) == 0);
}

static void tell(const char *of, const char *call, const char *path) {
  char line[PATH_MAX + 64];
  int length = snprintf(line, sizeof line, "%s %s %s\n", of, call, path);
  int file = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return;
  dprintf(file, "%.*s", length, line);
  close(file);
}

/* Whether this call is the one. */
static int fails(const char *of, const char *call, const char *path) {
  if (!counts(of) || !is_under(path)) return 0;
  tell(of, call, path);
  return ++calls == fail_at;
}

static int fails_fd(const char *of, const char *call, int fd) {
  char link[64], path[PATH_MAX];
  if (!counts(of)) return 0;
  if (strcmp(of, "fsync") != 0 && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return fails(of, call, path);
}

static int fails_name(const char *call, int directory, const char *name) {
  char link[64], path[2 * PATH_MAX];
  ssize_t length = 0;
  if (!counts("name")) return 0;
  if (name[0] != '/') {
    snprintf(link, sizeof link, directory == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", directory);
    length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length++] = '/';
  }
  snprintf(path + length, PATH_MAX, "%s", name);
  return fails("name", call, path);
}

#define REAL(result, name, ...)                                                          \
  static result (*real)(__VA_ARGS__);                                                    \
  if (real == NULL) real = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

#define FAIL                                                                             \
  do {                                                                                   \
    errno = fail_errno;                                                                  \
    return -1;                                                                           \
  } while (0)

#define FD_CALL(result, kind, name, parameters, arguments, ...)                          \
  result name parameters {                                                               \
    REAL(result, name, __VA_ARGS__);                                                     \
    if (fails_fd(kind, #name, fd)) FAIL;                                                 \
    return real arguments;                                                               \
  }

FD_CALL(int, "fsync", fsync, (int fd), (fd), int)
FD_CALL(int, "fsync", fdatasync, (int fd), (fd), int)
FD_CALL(ssize_t, "write", write, (int fd, const void *b, size_t n), (fd, b, n), int, const void *, size_t)
FD_CALL(ssize_t, "write", pwrite, (int fd, const void *b, size_t n, off_t o), (fd, b, n, o), int, const void *, size_t, off_t)
FD_CALL(ssize_t, "write", pwrite64, (int fd, const void *b, size_t n, off64_t o), (fd, b, n, o), int, const void *, size_t, off64_t)
FD_CALL(ssize_t, "write", writev, (int fd, const struct iovec *v, int n), (fd, v, n), int, const struct iovec *, int)
FD_CALL(ssize_t, "write", pwritev, (int fd, const struct iovec *v, int n, off_t o), (fd, v, n, o), int, const struct iovec *, int, off_t)
FD_CALL(ssize_t, "write", pwritev64, (int fd, const struct iovec *v, int n, off64_t o), (fd, v, n, o), int, const struct iovec *, int, off64_t)
FD_CALL(ssize_t, "write", sendfile, (int fd, int in, off_t *o, size_t n), (fd, in, o, n), int, int, off_t *, size_t)
FD_CALL(ssize_t, "write", sendfile64, (int fd, int in, off64_t *o, size_t n), (fd, in, o, n), int, int, off64_t *, size_t)
FD_CALL(int, "write", ftruncate, (int fd, off_t n), (fd, n), int, off_t)
FD_CALL(int, "write", ftruncate64, (int fd, off64_t n), (fd, n), int, off64_t)

int close(int fd) {
  REAL(int, close, int);
  int failing = fails_fd("close", "close", fd);
  int result = real(fd);
  if (failing) FAIL;
  return result;
}

/* Node closes its files by number. */
long syscall(long number, ...) {
  REAL(long, syscall, long, ...);
  long a[6];
  va_list arguments;
  va_start(arguments, number);
  for (int i = 0; i < 6; i++) a[i] = va_arg(arguments, long);
  va_end(arguments);
  if (number == SYS_close) return close(a[0]);
  return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* Both names are in one directory wherever this program renames: the new one tells what it is. */
#define NAME_CALL(name, parameters, directory, path, arguments, ...)                     \
  int name parameters {                                                                  \
    REAL(int, name, __VA_ARGS__);                                                        \
    if (!fails_name(#name, directory, path)) return real arguments;                      \
    if (fail_done) real arguments;                                                       \
    FAIL;                                                                                \
  }

NAME_CALL(rename, (const char *a, const char *b), AT_FDCWD, b, (a, b), const char *, const char *)
NAME_CALL(renameat, (int c, const char *a, int d, const char *b), d, b, (c, a, d, b), int, const char *, int, const char *)
NAME_CALL(renameat2, (int c, const char *a, int d, const char *b, unsigned f), d, b, (c, a, d, b, f), int, const char *, int, const char *, unsigned)
NAME_CALL(link, (const char *a, const char *b), AT_FDCWD, b, (a, b), const char *, const char *)
NAME_CALL(linkat, (int c, const char *a, int d, const char *b, int f), d, b, (c, a, d, b, f), int, const char *, int, const char *, int)
