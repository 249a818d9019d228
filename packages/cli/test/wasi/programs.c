// Programs of WASI preview 1 in one binary: the first argument names the one to run. Each ends with 0 when everything was as
// it should be; otherwise it says what was not, and where.
//
// Rebuilt by rebuild.sh; programs.json says how each is run and what it has to do.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define EXPECT(condition)                                                                  \
  do {                                                                                     \
    if (!(condition)) {                                                                    \
      fprintf(stderr, "line %d: %s (errno %d: %s)\n", __LINE__, #condition, errno, strerror(errno)); \
      exit(100);                                                                           \
    }                                                                                      \
  } while (0)

static int arguments(int argc, char **argv) {
  for (int i = 0; i < argc; i++) printf("%d=[%s]\n", i, argv[i]);
  return 0;
}

extern char **environ;
static int environment(int argc, char **argv) {
  (void)argc, (void)argv;
  int count = 0;
  for (char **entry = environ; entry != NULL && *entry != NULL; entry++) count++;
  const char *greeting = getenv("GREETING");
  printf("%d %s\n", count, greeting == NULL ? "none" : greeting);
  return 0;
}

static int cat(int argc, char **argv) {
  (void)argc, (void)argv;
  char buffer[4096];
  ssize_t length;
  size_t total = 0;
  while ((length = read(0, buffer, sizeof buffer)) > 0) {
    EXPECT(write(1, buffer, (size_t)length) == length);
    total += (size_t)length;
  }
  EXPECT(length == 0);
  fprintf(stderr, "%zu bytes\n", total);
  return 0;
}

static int leave(int argc, char **argv) {
  EXPECT(argc == 3);
  printf("not flushed before");
  exit(atoi(argv[2]));
}

static int streams(int argc, char **argv) {
  (void)argc, (void)argv;
  EXPECT(write(1, "out 1\n", 6) == 6);
  EXPECT(write(2, "err 1\n", 6) == 6);
  EXPECT(write(1, "out 2\n", 6) == 6);
  errno = 0;
  EXPECT(write(77, "x", 1) == -1 && errno == EBADF);
  struct stat stat;
  EXPECT(fstat(0, &stat) == 0 && fstat(1, &stat) == 0 && fstat(2, &stat) == 0);
  return 0;
}

static int flood(int argc, char **argv) {
  EXPECT(argc == 3);
  char line[64];
  memset(line, 'x', sizeof line);
  line[63] = '\n';
  for (long i = atol(argv[2]) / 64; i > 0; i--) EXPECT(write(1, line, sizeof line) == sizeof line);
  return 0;
}

static int trap(int argc, char **argv) {
  (void)argc, (void)argv;
  fputs("before the trap\n", stdout);
  fflush(stdout);
  __builtin_trap();
}

static volatile int depth;
static int deeper(int n) {
  volatile char frame[1024];
  frame[0] = (char)n;
  depth++;
  return deeper(n + 1) + frame[0];
}
static int overflow(int argc, char **argv) {
  (void)argv;
  return deeper(argc);
}

static int spin(int argc, char **argv) {
  (void)argc, (void)argv;
  for (;;) depth++;
}

static int memory(int argc, char **argv) {
  EXPECT(argc == 3);
  size_t size = (size_t)atol(argv[2]) << 20;
  volatile char *block = malloc(size);
  if (block == NULL) {
    puts("refused");
    return 0;
  }
  for (size_t i = 0; i < size; i += 65536) block[i] = 1;
  puts("granted");
  return 0;
}

static int clocks(int argc, char **argv) {
  (void)argc, (void)argv;
  struct timespec now, before, after, resolution;
  EXPECT(clock_gettime(CLOCK_REALTIME, &now) == 0 && now.tv_sec > 1700000000);
  EXPECT(clock_getres(CLOCK_MONOTONIC, &resolution) == 0 && resolution.tv_sec == 0 && resolution.tv_nsec > 0);
  EXPECT(clock_gettime(CLOCK_MONOTONIC, &before) == 0);
  struct timespec pause = {.tv_sec = 0, .tv_nsec = 30 * 1000 * 1000};
  EXPECT(nanosleep(&pause, NULL) == 0);
  EXPECT(clock_gettime(CLOCK_MONOTONIC, &after) == 0);
  long long slept = (after.tv_sec - before.tv_sec) * 1000000000LL + (after.tv_nsec - before.tv_nsec);
  EXPECT(slept >= 30 * 1000 * 1000);
  return 0;
}

static int randomness(int argc, char **argv) {
  (void)argc, (void)argv;
  unsigned char a[256] = {0}, b[256] = {0};
  EXPECT(getentropy(a, sizeof a) == 0 && getentropy(b, sizeof b) == 0);
  EXPECT(memcmp(a, b, sizeof a) != 0);
  return 0;
}

static int waiting(int argc, char **argv) {
  (void)argc, (void)argv;
  struct pollfd output = {.fd = 1, .events = POLLOUT};
  EXPECT(poll(&output, 1, 1000) == 1 && (output.revents & POLLOUT) != 0);
  EXPECT(poll(NULL, 0, 20) == 0);
  return 0;
}

static int read_file(int argc, char **argv) {
  EXPECT(argc == 3);
  FILE *file = fopen(argv[2], "r");
  if (file == NULL) {
    printf("errno %s\n", strerror(errno));
    return 1;
  }
  char line[256];
  while (fgets(line, sizeof line, file) != NULL) fputs(line, stdout);
  fclose(file);
  return 0;
}

static int files(int argc, char **argv) {
  (void)argc, (void)argv;
  int fd = open("/made.bin", O_CREAT | O_EXCL | O_RDWR, 0644);
  EXPECT(fd > 2);
  EXPECT(open("/made.bin", O_CREAT | O_EXCL | O_RDWR, 0644) == -1 && errno == EEXIST);
  EXPECT(write(fd, "0123456789", 10) == 10);
  EXPECT(lseek(fd, 0, SEEK_CUR) == 10 && lseek(fd, -3, SEEK_END) == 7 && lseek(fd, 2, SEEK_SET) == 2);
  char buffer[16] = {0};
  EXPECT(read(fd, buffer, 3) == 3 && memcmp(buffer, "234", 3) == 0);
  EXPECT(pwrite(fd, "AB", 2, 8) == 2 && pread(fd, buffer, 4, 6) == 4 && memcmp(buffer, "67AB", 4) == 0);
  EXPECT(lseek(fd, 0, SEEK_CUR) == 5);
  EXPECT(lseek(fd, -1, SEEK_SET) == -1 && errno == EINVAL);
  EXPECT(ftruncate(fd, 4) == 0);
  struct stat stat_of;
  EXPECT(fstat(fd, &stat_of) == 0 && stat_of.st_size == 4 && S_ISREG(stat_of.st_mode));
  EXPECT(ftruncate(fd, 8) == 0 && pread(fd, buffer, 8, 0) == 8 && memcmp(buffer, "0123\0\0\0\0", 8) == 0);
  EXPECT(fsync(fd) == 0 && fdatasync(fd) == 0);
  struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1100000000}};
  EXPECT(futimens(fd, times) == 0 && fstat(fd, &stat_of) == 0 && stat_of.st_mtim.tv_sec == 1100000000);
  EXPECT(close(fd) == 0 && close(fd) == -1 && errno == EBADF);
  fd = open("/made.bin", O_WRONLY | O_APPEND);
  EXPECT(fd > 2 && write(fd, "Z", 1) == 1 && close(fd) == 0);
  EXPECT(stat("/made.bin", &stat_of) == 0 && stat_of.st_size == 9);
  fd = open("/made.bin", O_RDONLY);
  EXPECT(write(fd, "x", 1) == -1 && (errno == EBADF || errno == ENOTCAPABLE));
  EXPECT(close(fd) == 0);
  fd = open("/made.bin", O_WRONLY | O_TRUNC);
  EXPECT(fstat(fd, &stat_of) == 0 && stat_of.st_size == 0 && close(fd) == 0);
  EXPECT(unlink("/made.bin") == 0 && stat("/made.bin", &stat_of) == -1 && errno == ENOENT);
  return 0;
}

static int directories(int argc, char **argv) {
  (void)argc, (void)argv;
  struct stat stat_of;
  EXPECT(mkdir("/made", 0755) == 0 && mkdir("/made", 0755) == -1 && errno == EEXIST);
  EXPECT(stat("/made", &stat_of) == 0 && S_ISDIR(stat_of.st_mode));
  for (int i = 0; i < 300; i++) {
    char name[64];
    snprintf(name, sizeof name, "/made/file number %d with a long name", i);
    int fd = open(name, O_CREAT | O_WRONLY, 0644);
    EXPECT(fd > 2 && close(fd) == 0);
  }
  int seen = 0, dots = 0;
  DIR *directory = opendir("/made");
  EXPECT(directory != NULL);
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    if (entry->d_name[0] == '.') dots++;
    else seen++;
  }
  EXPECT(closedir(directory) == 0 && seen == 300 && dots <= 2);
  EXPECT(rmdir("/made") == -1 && errno == ENOTEMPTY);
  EXPECT(rename("/made", "/moved") == 0 && stat("/made", &stat_of) == -1 && errno == ENOENT);
  for (int i = 0; i < 300; i++) {
    char name[64];
    snprintf(name, sizeof name, "/moved/file number %d with a long name", i);
    EXPECT(unlink(name) == 0);
  }
  EXPECT(unlink("/moved") == -1);
  EXPECT(rmdir("/moved") == 0 && rmdir("/moved") == -1 && errno == ENOENT);
  EXPECT(open("/hello.txt/below", O_RDONLY) == -1 && errno == ENOTDIR);
  EXPECT(opendir("/hello.txt") == NULL && errno == ENOTDIR);
  return 0;
}

static int links(int argc, char **argv) {
  (void)argc, (void)argv;
  struct stat stat_of, other;
  char target[64] = {0};
  EXPECT(symlink("hello.txt", "/soft") == 0 && readlink("/soft", target, sizeof target) == 9);
  EXPECT(strcmp(target, "hello.txt") == 0);
  EXPECT(lstat("/soft", &stat_of) == 0 && S_ISLNK(stat_of.st_mode));
  EXPECT(stat("/soft", &stat_of) == 0 && S_ISREG(stat_of.st_mode));
  EXPECT(link("/hello.txt", "/hard") == 0 && stat("/hard", &other) == 0 && other.st_ino == stat_of.st_ino);
  EXPECT(open("/soft", O_RDONLY | O_NOFOLLOW) == -1 && errno == ELOOP);
  EXPECT(symlink("loop", "/loop") == 0 && open("/loop", O_RDONLY) == -1 && errno == ELOOP);
  EXPECT(unlink("/soft") == 0 && unlink("/hard") == 0 && unlink("/loop") == 0);
  EXPECT(stat("/hello.txt", &stat_of) == 0);
  return 0;
}

static int escape(int argc, char **argv) {
  (void)argc, (void)argv;
  EXPECT(open("/../etc/passwd", O_RDONLY) == -1);
  EXPECT(open("/inner/../../secret.txt", O_RDONLY) == -1);
  EXPECT(symlink("../secret.txt", "/way-out") == 0 && open("/way-out", O_RDONLY) == -1);
  EXPECT(unlink("/way-out") == 0);
  EXPECT(symlink("/etc/passwd", "/absolute") == -1 || (open("/absolute", O_RDONLY) == -1 && unlink("/absolute") == 0));
  EXPECT(open("/inner/../hello.txt", O_RDONLY) > 2);
  return 0;
}

static int read_only(int argc, char **argv) {
  EXPECT(argc == 3);
  char path[128];
  struct stat stat_of;
  snprintf(path, sizeof path, "%s/hello.txt", argv[2]);
  EXPECT(open(path, O_RDONLY) > 2 && stat(path, &stat_of) == 0);
  EXPECT(open(path, O_RDWR) == -1);
  EXPECT(open(path, O_WRONLY | O_TRUNC) == -1);
  EXPECT(unlink(path) == -1);
  snprintf(path, sizeof path, "%s/made.txt", argv[2]);
  EXPECT(open(path, O_CREAT | O_WRONLY, 0644) == -1);
  EXPECT(mkdir(path, 0755) == -1);
  EXPECT(symlink("hello.txt", path) == -1);
  return 0;
}

static int two_directories(int argc, char **argv) {
  (void)argc, (void)argv;
  FILE *from = fopen("/from/hello.txt", "r"), *to = fopen("/to/copy.txt", "w");
  EXPECT(from != NULL && to != NULL);
  for (int c; (c = fgetc(from)) != EOF;) EXPECT(fputc(c, to) == c);
  EXPECT(fclose(from) == 0 && fclose(to) == 0);
  struct stat stat_of;
  EXPECT(stat("/to/copy.txt", &stat_of) == 0 && stat_of.st_size == 18);
  EXPECT(stat("/elsewhere", &stat_of) == -1);
  EXPECT(unlink("/to/copy.txt") == 0);
  return 0;
}

static const struct {
  const char *name;
  int (*main)(int argc, char **argv);
} programs[] = {
    {"arguments", arguments}, {"environment", environment}, {"cat", cat},
    {"leave", leave},         {"streams", streams},         {"flood", flood},
    {"trap", trap},           {"overflow", overflow},       {"spin", spin},
    {"memory", memory},       {"clocks", clocks},           {"randomness", randomness},
    {"waiting", waiting},     {"read-file", read_file},     {"files", files},
    {"directories", directories}, {"links", links},         {"escape", escape},
    {"read-only", read_only}, {"two-directories", two_directories},
};

int main(int argc, char **argv) {
  for (size_t i = 0; argc > 1 && i < sizeof programs / sizeof programs[0]; i++)
    if (strcmp(programs[i].name, argv[1]) == 0) return programs[i].main(argc, argv);
  fputs("there is no such program\n", stderr);
  return 99;
}
