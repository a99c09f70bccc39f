// One process that serves a machine: it keeps the blobs of a link, and forks
// for each job. So modules cross the wire once, a job finds them in memory that
// is shared with all others, LLVM's global options are each job's own, a crash
// costs one job, and a job can be stopped by killing its process. A fork costs
// about a millisecond; loading libLLVM once more would cost twenty.
//
// Both directions are frames: four letters, a number that the client chose (32
// bits), the size of what follows (64 bits, both little-endian).
//
//     JOB.  a job message follows (job_codec.cpp), which knows its own size
//     STOP  that job is not wanted any more
//     PING  is answered by PONG
//
//     DONE  a result message follows
//     DIED  the process of that job was ended, or could not be started: how, and
//           its last words follow
//     PONG  facts follow, as text: `cpus 16 jobs 3 runnable 5 load 3.21`
//
// A stopped job has no answer, or its answer is under way already. A PONG with
// the number 0 comes unasked, first of all.
//
// Nothing may run on here for nobody. The children end with this process, and
// it ends when its input does. A connection can also die without a word (a cut
// wire, a laptop that sleeps), and then neither reading nor writing would ever
// return. So the alarm is set anew whenever bytes have moved, and SIGALRM ends
// the process. The client pings often enough.

#include "codegen_server.h"
#include "codegen_fork.h"
#include "job/job_codec.h"
#include "job/scratch_file.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <poll.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace llvm;
using namespace dtlto;

namespace {

constexpr size_t FrameBytes = 16;
/// Of what a dying job has printed.
constexpr size_t LastWordsBytes = 4096;
/// So that a slow reader is seen to be alive.
constexpr size_t WriteStepBytes = 1 << 16;

/// A process that compiles one job.
struct Compiler {
  pid_t Process;
  /// Its result comes out here.
  int Pipe;
  /// Where its descriptors 1 and 2 lead.
  ScratchFile Words;
  SmallVector<char, 0> Result;
};

class Server {
public:
  Server(int In, int Out, unsigned SilenceSeconds, CompileFn Compile)
      : In(In), Out(Out), SilenceSeconds(SilenceSeconds), Compile(Compile) {}

  Error run();

private:
  Expected<bool> read(MutableArrayRef<char> Buffer);
  Error write(StringRef Bytes);
  Error send(StringRef Kind, uint32_t Number, StringRef Bytes);
  Error readJob(uint32_t Number);
  Error start(uint32_t Number, const CodegenJob &Job);
  Error waitForInput();
  Error finish(uint32_t Number);
  void stop(uint32_t Number);
  std::string facts() const;
  void bytesMoved() const { alarm(SilenceSeconds); }

  int In;
  int Out;
  unsigned SilenceSeconds;
  CompileFn Compile;
  JobReader Reader;
  std::map<uint32_t, Compiler> Running;
};

Error errnoError(const Twine &What) {
  std::error_code EC(errno, std::generic_category());
  return createStringError(EC, What + ": " + EC.message());
}

} // namespace

/// What is told of the machine. Other systems tell less.
std::string Server::facts() const {
  std::string Text;
  raw_string_ostream OS(Text);
  OS << "cpus " << std::thread::hardware_concurrency() << " jobs "
     << Running.size();
  // "0.20 0.18 0.12 1/80 11206": load, and how many threads can run just now.
  if (auto File = MemoryBuffer::getFileAsStream("/proc/loadavg")) {
    SmallVector<StringRef, 5> Fields;
    (*File)->getBuffer().split(Fields, ' ');
    if (Fields.size() == 5)
      OS << " runnable " << Fields[3].split('/').first << " load " << Fields[0];
  }
  return Text;
}

/// While there is nothing to read, compilers are listened to.
Error Server::waitForInput() {
  while (true) {
    SmallVector<pollfd, 64> Polls = {{In, POLLIN, 0}};
    SmallVector<uint32_t, 64> Numbers;
    for (auto &[Number, Running] : Running) {
      Polls.push_back({Running.Pipe, POLLIN, 0});
      Numbers.push_back(Number);
    }
    if (poll(Polls.data(), Polls.size(), -1) < 0) {
      if (errno == EINTR)
        continue;
      return errnoError("cannot wait");
    }
    for (auto [Poll, Number] :
         zip_equal(ArrayRef(Polls).drop_front(), Numbers)) {
      if (!Poll.revents)
        continue;
      SmallVector<char, 0> &Result = Running.at(Number).Result;
      size_t Old = Result.size();
      Result.resize_for_overwrite(Old + WriteStepBytes);
      ssize_t Size = ::read(Poll.fd, Result.data() + Old, WriteStepBytes);
      Result.truncate(Old + std::max<ssize_t>(Size, 0));
      if (Size == 0)
        if (Error E = finish(Number))
          return E;
    }
    if (Polls.front().revents)
      return Error::success();
  }
}

Expected<bool> Server::read(MutableArrayRef<char> Buffer) {
  for (size_t Done = 0; Done < Buffer.size();) {
    if (Error E = waitForInput())
      return std::move(E);
    ssize_t Size = ::read(In, Buffer.data() + Done, Buffer.size() - Done);
    if (Size < 0 && errno == EINTR)
      continue;
    if (Size < 0)
      return errnoError("cannot read");
    if (Size == 0 && Done == 0)
      return false;
    if (Size == 0)
      return createStringError("the stream ends within a message");
    bytesMoved();
    Done += Size;
  }
  return true;
}

Error Server::write(StringRef Bytes) {
  while (!Bytes.empty()) {
    ssize_t Size =
        ::write(Out, Bytes.data(), std::min(Bytes.size(), WriteStepBytes));
    if (Size < 0 && errno == EINTR)
      continue;
    if (Size < 0)
      return errnoError("cannot write");
    bytesMoved();
    Bytes = Bytes.drop_front(Size);
  }
  return Error::success();
}

/// The head goes out together with what follows: OpenSSH leaves Nagle's
/// algorithm on where there is no terminal, and a second small packet would wait
/// for the acknowledgement of the first, which TCP delays by 40 ms.
Error Server::send(StringRef Kind, uint32_t Number, StringRef Bytes) {
  char Frame[FrameBytes];
  memcpy(Frame, Kind.data(), 4);
  support::endian::write32le(Frame + 4, Number);
  support::endian::write64le(Frame + 8, Bytes.size());
  SmallVector<char, 0> First(Frame, Frame + FrameBytes);
  append_range(First, Bytes.take_front(WriteStepBytes - FrameBytes));
  if (Error E = write(StringRef(First.data(), First.size())))
    return E;
  return write(Bytes.drop_front(First.size() - FrameBytes));
}

Error Server::start(uint32_t Number, const CodegenJob &Job) {
  stop(Number);
  int Pipe[2];
  Expected<ScratchFile> Words = ScratchFile::create("");
  if (!Words)
    return Words.takeError();
  int WordsFile = ::open(Words->path().c_str(), O_RDWR | O_APPEND | O_CLOEXEC);
  if (WordsFile < 0)
    return errnoError("cannot open a file in memory");
  if (pipe2(Pipe, O_CLOEXEC) < 0) {
    Error E = errnoError("cannot make a pipe");
    close(WordsFile);
    return E;
  }
  pid_t Process = forkCompiler();
  if (Process == 0) {
    dup2(WordsFile, 1);
    dup2(WordsFile, 2);
    // The connection must not stay open because of a compiler.
    int Nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(Nothing, In);
    dup2(Nothing, Out);
    raw_fd_ostream OS(Pipe[1], /*shouldClose=*/false);
    if (Expected<CodegenResult> Result = Compile(Job))
      writeResultMessage(*Result, OS, Job.Id);
    else
      writeRefusalMessage(toString(Result.takeError()), OS);
    OS.flush();
    _exit(OS.has_error());
  }
  Error Problem =
      Process < 0 ? errnoError("cannot start a process") : Error::success();
  close(WordsFile);
  close(Pipe[1]);
  if (Problem) {
    close(Pipe[0]);
    return Problem;
  }
  Running.try_emplace(Number,
                      Compiler{Process, Pipe[0], std::move(*Words), {}});
  return Error::success();
}

/// The process of a job has closed its pipe: it has ended, or is about to.
Error Server::finish(uint32_t Number) {
  auto Node = Running.extract(Number);
  Compiler &Ended = Node.mapped();
  close(Ended.Pipe);
  int Status = 0;
  while (waitpid(Ended.Process, &Status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(Status) && WEXITSTATUS(Status) == 0)
    return send("DONE", Number,
                StringRef(Ended.Result.data(), Ended.Result.size()));
  std::string Text = WIFSIGNALED(Status)
                         ? std::string("signal ") + strsignal(WTERMSIG(Status))
                         : "exit code " + std::to_string(WEXITSTATUS(Status));
  Expected<std::string> Words = Ended.Words.read();
  if (Words)
    Text += "\n" + StringRef(*Words).take_back(LastWordsBytes).str();
  else
    consumeError(Words.takeError());
  return send("DIED", Number, Text);
}

void Server::stop(uint32_t Number) {
  auto Found = Running.find(Number);
  if (Found == Running.end())
    return;
  kill(Found->second.Process, SIGKILL);
  while (waitpid(Found->second.Process, nullptr, 0) < 0 && errno == EINTR) {
  }
  close(Found->second.Pipe);
  Running.erase(Found);
}

/// What is wrong with a job is its answer, and what is wrong with this machine;
/// an error here ends the server.
Error Server::readJob(uint32_t Number) {
  auto Job =
      Reader.read([&](MutableArrayRef<char> Buffer) { return read(Buffer); });
  if (Reader.isBroken())
    return Job ? createStringError("the stream ends where a job should be")
               : Job.takeError();
  if (!Job) {
    SmallString<256> Refusal;
    raw_svector_ostream OS(Refusal);
    writeRefusalMessage(toString(Job.takeError()), OS);
    return send("DONE", Number, Refusal);
  }
  // Other machines can do the job.
  if (Error Trouble = start(Number, (*Job)->Job))
    return send("DIED", Number, toString(std::move(Trouble)));
  return Error::success();
}

Error Server::run() {
  if (Error E = send("PONG", 0, facts()))
    return E;
  while (true) {
    char Frame[FrameBytes];
    Expected<bool> More = read(Frame);
    if (!More)
      return More.takeError();
    if (!*More)
      return Error::success();
    StringRef Kind(Frame, 4);
    uint32_t Number = support::endian::read32le(Frame + 4);
    Error Problem = Error::success();
    if (Kind == "JOB.")
      Problem = readJob(Number);
    else if (Kind == "PING")
      Problem = send("PONG", Number, facts());
    else if (Kind == "STOP")
      stop(Number);
    else
      Problem = createStringError("the stream holds no frame");
    if (Problem)
      return Problem;
  }
}

bool dtlto::serveMany(int In, int Out, unsigned SilenceSeconds,
                      CompileFn Compile) {
  // A reader that is gone is an error of write, and children that are stopped
  // are waited for.
  signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, SIG_DFL);
  signal(SIGALRM, SIG_DFL);
  sigset_t Alarm;
  sigemptyset(&Alarm);
  sigaddset(&Alarm, SIGALRM);
  sigprocmask(SIG_UNBLOCK, &Alarm, nullptr);
  alarm(SilenceSeconds);
  initializeTargets();
  Error Problem = Server(In, Out, SilenceSeconds, Compile).run();
  if (!Problem)
    return true;
  errs() << "error: dtlto-codegen: " << toString(std::move(Problem)) << '\n';
  return false;
}
