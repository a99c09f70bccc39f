// The server of dtlto-codegen as its client knows it: a process, frames in,
// frames out. What a job's "compiler" does is written in its object's name.

#include "codegen_server.h"
#include "job/job_codec.h"
#include "job/scratch_file.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include <csignal>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <map>
#include <poll.h>
#include <random>
#include <sys/wait.h>
#include <unistd.h>

using namespace llvm;
using namespace dtlto;

namespace {

constexpr size_t HeadBytes = 16;
/// More than pipes hold.
constexpr size_t BigBytes = 3 << 20;
constexpr unsigned NeverSilent = 600;

Expected<CodegenResult> compile(const CodegenJob &Job) {
  StringRef What = Job.ObjectPathName;
  if (What == "refuse")
    return createStringError("job: not like this");
  if (What == "abort") {
    (void)!::write(2, "last words", 10);
    abort();
  }
  if (What == "exit")
    _exit(3);
  if (What == "forever")
    while (true)
      pause();
  CodegenResult Result;
  Result.HasObject = true;
  std::string Bytes =
      What == "big" ? std::string(BigBytes, 'b') : join(Job.Own.Bytes, "");
  Result.Object.append(Bytes.begin(), Bytes.end());
  return Result;
}

std::string frame(StringRef Kind, uint32_t Number, StringRef Message = "") {
  char Rest[HeadBytes - 4];
  support::endian::write32le(Rest, Number);
  support::endian::write64le(Rest + 4, Message.size());
  return (Kind + StringRef(Rest, sizeof(Rest)) + Message).str();
}

std::string message(StringRef What, StringRef Module) {
  std::string Manifest =
      ("dtlto-job 3\nllvm " + llvmVersion() + "\ntask 0\nobject \"" + What +
       "\"\nblob own \"m\" " + digestOf({Module}) + " " + Twine(Module.size()) +
       " send\nblob index \"\" x 0 send\nblob options \"\" p 0 send\n")
          .str();
  char Sizes[12];
  support::endian::write32le(Sizes, Manifest.size());
  support::endian::write64le(Sizes + 4, Module.size());
  return "DTLJ" + std::string(Sizes, 12) + Manifest + Module.str();
}

std::string job(uint32_t Number, StringRef What, StringRef Module = "module") {
  return frame("JOB.", Number, message(What, Module));
}

struct Answer {
  std::string Kind;
  uint32_t Number = 0;
  std::string Bytes;
};

/// A server in a process of its own.
class Served {
public:
  explicit Served(unsigned SilenceSeconds = NeverSilent) {
    initializeTargets();
    int ToServer[2], FromServer[2], Alive[2];
    if (pipe2(ToServer, O_CLOEXEC) || pipe2(FromServer, O_CLOEXEC) ||
        pipe2(Alive, O_CLOEXEC))
      abort();
    int WordsFile = ::open(Words.path().c_str(), O_RDWR | O_APPEND | O_CLOEXEC);
    Process = fork();
    if (Process == 0) {
      close(ToServer[1]);
      close(FromServer[0]);
      close(Alive[0]);
      dup2(WordsFile, 2);
      _exit(serveMany(ToServer[0], FromServer[1], SilenceSeconds, compile) ? 0
                                                                           : 1);
    }
    close(WordsFile);
    close(ToServer[0]);
    close(FromServer[1]);
    close(Alive[1]);
    In = ToServer[1];
    Out = FromServer[0];
    StillAlive = Alive[0];
    fcntl(In, F_SETFL, O_NONBLOCK);
  }
  Served(const Served &) = delete;
  ~Served() {
    if (In >= 0)
      end();
    close(Out);
    close(StillAlive);
  }

  /// Takes answers meanwhile, so that neither side waits for the other.
  void send(StringRef Bytes) {
    while (!Bytes.empty()) {
      pollfd Polls[] = {{In, POLLOUT, 0}, {Out, POLLIN, 0}};
      poll(Polls, 2, -1);
      if (Polls[1].revents & POLLIN)
        take();
      ssize_t Size = ::write(In, Bytes.data(), Bytes.size());
      if (Size < 0 && errno != EAGAIN)
        return; // It has ended.
      Bytes = Bytes.drop_front(std::max<ssize_t>(Size, 0));
    }
  }

  /// The next answer; none at the end.
  std::optional<Answer> receive() {
    while (true) {
      StringRef Rest = StringRef(Received).drop_front(Used);
      if (Rest.size() >= HeadBytes) {
        uint64_t Size = support::endian::read64le(Rest.data() + 8);
        if (Rest.size() - HeadBytes >= Size) {
          Used += HeadBytes + Size;
          return Answer{Rest.take_front(4).str(),
                        support::endian::read32le(Rest.data() + 4),
                        Rest.substr(HeadBytes, Size).str()};
        }
      }
      if (!take())
        return std::nullopt;
    }
  }

  /// Closes its input; gives how it ended, when nothing of it is left.
  int end() {
    close(std::exchange(In, -1));
    while (take()) {
    }
    int Status = 0;
    waitpid(Process, &Status, 0);
    char Byte;
    EXPECT_EQ(::read(StillAlive, &Byte, 1), 0)
        << "the end of all its processes";
    return Status;
  }

  std::string words() { return cantFail(Words.read()); }

private:
  bool take() {
    char Buffer[1 << 16];
    ssize_t Size = ::read(Out, Buffer, sizeof(Buffer));
    if (Size > 0)
      Received.append(Buffer, Size);
    return Size > 0;
  }

  ScratchFile Words = cantFail(ScratchFile::create(""));
  pid_t Process = -1;
  int In = -1, Out = -1;
  /// Its other end is open in the server and in whatever that has started.
  int StillAlive = -1;
  std::string Received;
  size_t Used = 0;
};

/// What must come of a job that nobody stops.
void expectAnswer(const Answer &Answer, StringRef What, StringRef Module) {
  StringRef Bytes = Answer.Bytes;
  bool Dies = What == "abort" || What == "exit";
  EXPECT_EQ(Answer.Kind, Dies ? "DIED" : "DONE") << What.str();
  if (What == "abort")
    EXPECT_TRUE(Bytes.starts_with("signal ") && Bytes.contains("last words"));
  else if (What == "exit")
    EXPECT_TRUE(Bytes.starts_with("exit code 3\n"));
  else if (What == "refuse")
    EXPECT_TRUE(Bytes.contains("job: not like this"));
  else
    EXPECT_TRUE(Bytes.ends_with(What == "big" ? std::string(BigBytes, 'b')
                                              : Module.str()));
}

class CodegenServer : public testing::Test {
protected:
  void SetUp() override { Before = signal(SIGPIPE, SIG_IGN); }
  void TearDown() override { signal(SIGPIPE, Before); }

private:
  sighandler_t Before = SIG_DFL;
};

TEST_F(CodegenServer, GreetsWithItsFactsAndAnswersPings) {
  Served S;
  S.send(frame("PING", 7));
  for (uint32_t Number : {0, 7}) {
    std::optional<Answer> Facts = S.receive();
    ASSERT_TRUE(Facts);
    EXPECT_EQ(Facts->Kind, "PONG");
    EXPECT_EQ(Facts->Number, Number);
    EXPECT_TRUE(StringRef(Facts->Bytes).starts_with("cpus "));
  }
  EXPECT_EQ(S.end(), 0);
  EXPECT_EQ(S.words(), "");
}

TEST_F(CodegenServer, AnswersEveryJobOnceWhateverBecomesOfIt) {
  const char *const Kinds[] = {"compile", "big", "refuse", "abort", "exit"};
  Served S;
  S.receive();
  std::map<uint32_t, std::string> Open;
  for (uint32_t Number = 1; Number <= 40; ++Number)
    S.send(job(Number, Open[Number] = Kinds[Number % std::size(Kinds)],
               std::to_string(Number)));
  while (!Open.empty()) {
    std::optional<Answer> Answer = S.receive();
    ASSERT_TRUE(Answer) << S.words();
    auto Found = Open.find(Answer->Number);
    ASSERT_NE(Found, Open.end()) << Answer->Number;
    expectAnswer(*Answer, Found->second, std::to_string(Answer->Number));
    Open.erase(Found);
  }
  EXPECT_EQ(S.end(), 0);
}

TEST_F(CodegenServer, LeavesNothingBehindWhenItsInputEnds) {
  Served S;
  for (uint32_t Number = 1; Number <= 5; ++Number)
    S.send(job(Number, "forever"));
  S.send(job(6, "compile"));
  S.receive();
  EXPECT_EQ(S.receive()->Number, 6u);
  EXPECT_EQ(S.end(), 0);
}

TEST_F(CodegenServer, EndsWithAllItHasStartedWhenTheOtherSideIsSilent) {
  Served S(/*SilenceSeconds=*/1);
  S.send(job(1, "forever"));
  while (S.receive()) {
  }
  int Status = S.end();
  EXPECT_TRUE(WIFSIGNALED(Status) && WTERMSIG(Status) == SIGALRM) << Status;
}

TEST_F(CodegenServer, SaysWhyItCannotGoOn) {
  for (auto [Bytes, Why] :
       {std::pair<std::string, const char *>(frame("WHAT", 1), "no frame"),
        {frame("JOB.", 1, "nonsense, and sixteen bytes"), "no job message"},
        {frame("JOB.", 1), "ends where a job should be"},
        {frame("PING", 1).substr(0, 5), "ends within a message"},
        {job(1, "compile").substr(0, 60), "ends within a message"}}) {
    Served S;
    S.send(Bytes);
    EXPECT_EQ(S.end(), 1 << 8);
    EXPECT_NE(S.words().find(Why), std::string::npos) << S.words();
  }
}

/// Jobs, stops, pings, numbers that are used again, any pieces on the wire.
TEST_F(CodegenServer, AnswersAnySequenceOfFrames) {
  const char *const Kinds[] = {"compile", "big", "refuse", "abort", "forever"};
  for (unsigned Seed = 0; Seed < 100; ++Seed) {
    std::mt19937 Random(Seed);
    std::map<uint32_t, std::string> Last;
    std::string Bytes;
    Served S;
    for (int I = 0; I < 20; ++I) {
      uint32_t Number = 1 + Random() % 6;
      switch (Random() % 4) {
      case 0:
        Bytes += frame("PING", 100 + I);
        break;
      case 1:
        Bytes += frame("STOP", Number);
        Last.erase(Number);
        break;
      default:
        Bytes += job(Number, Last[Number] = Kinds[Random() % std::size(Kinds)],
                     std::to_string(I));
      }
    }
    for (StringRef Rest = Bytes; !Rest.empty();) {
      size_t Size = std::min<size_t>(1 + Random() % 2000, Rest.size());
      S.send(Rest.take_front(Size));
      Rest = Rest.drop_front(Size);
    }
    // An answer to a job that was stopped, or whose number is another's now, may
    // have been under way. A number has an answer at least for its last job.
    std::map<uint32_t, unsigned> Answers;
    for (auto &[Number, What] : Last)
      if (What == "forever")
        S.send(frame("STOP", Number));
    S.send(frame("PING", 99));
    auto AllAnswered = [&] {
      return all_of(Last, [&](auto &Job) {
        return Job.second == "forever" || Answers[Job.first] > 0;
      });
    };
    while (Answers[99] == 0 || !AllAnswered()) {
      std::optional<Answer> Answer = S.receive();
      ASSERT_TRUE(Answer) << "seed " << Seed << ": " << S.words();
      ++Answers[Answer->Number];
    }
    EXPECT_EQ(S.end(), 0) << "seed " << Seed;
  }
}

/// Damage ends a server with words, or costs a job: never with a signal.
TEST_F(CodegenServer, SurvivesAnyDamagedBit) {
  std::string Whole = frame("PING", 1) + job(2, "compile") + frame("STOP", 2) +
                      job(3, "refuse") + frame("PING", 4);
  for (unsigned Seed = 0; Seed < 400; ++Seed) {
    std::mt19937 Random(Seed);
    std::string Damaged = Whole;
    for (unsigned I = 0; I <= Seed % 3; ++I)
      Damaged[Random() % Damaged.size()] ^= 1 << Random() % 8;
    Served S;
    S.send(Damaged);
    int Status = S.end();
    EXPECT_TRUE(WIFEXITED(Status) && WEXITSTATUS(Status) <= 1)
        << "seed " << Seed << ": status " << Status << ": " << S.words();
  }
}

} // namespace
