// The host's functions under threads that keep to no rule. Meant for the sanitizers,
// too: scripts/sanitize.mjs.
#include "plugin/plugin_host.h"
#include <atomic>
#include <gtest/gtest.h>
#include <random>
#include <set>
#include <thread>

using namespace dtlto;

namespace {

constexpr unsigned Sequences = 10000;
constexpr unsigned CallsOfSequence = 12;
constexpr unsigned Threads = 3;

/// What threads and owner tell each other; nothing of the host's.
struct Shared {
  std::atomic<dtlto_link> Link{0};
  std::atomic<dtlto_call> LastCall{0};
  std::atomic<bool> IsOver{false};
  std::atomic<uint64_t> Taken{0}; ///< finish() said so
};

/// A plugin's thread: calls anything with numbers that may exist, have existed, or
/// never will.
void misbehave(Shared &With, unsigned Seed) {
  std::mt19937 Random(Seed);
  const dtlto_host &Host = pluginHost();
  char Bytes[64] = "some bytes";
  while (!With.IsOver) {
    dtlto_call Call = With.LastCall - Random() % 16 + Random() % 4;
    dtlto_link Link = With.Link - Random() % 2;
    dtlto_result Result{};
    // As an older header has it, too.
    Result.size = Random() % (sizeof(Result) + 1);
    Result.outcome = int(Random() % 9);
    Result.data = {Bytes, Random() % sizeof(Bytes)};
    Result.text = Random() % 2 ? Bytes : nullptr;
    dtlto_endpoint Endpoint{};
    Endpoint.size = Random() % (sizeof(Endpoint) + 1);
    Endpoint.id = Bytes;
    const dtlto_endpoint *Endpoints[] = {&Endpoint, nullptr};
    switch (Random() % 6) {
    case 0:
    case 1:
      With.Taken += Host.finish(Call, Random() % 8 ? &Result : nullptr);
      break;
    case 2:
      Host.started(Call);
      break;
    case 3:
      Host.set_endpoints(Link, Random() % 4 ? Endpoints : nullptr,
                         Random() % 3);
      break;
    case 4:
      Host.warn(Link, Random() % 2 ? "kind" : nullptr, nullptr);
      break;
    case 5:
      Host.debug(Link, Bytes);
      break;
    }
  }
}

TEST(PluginHost, WhatIsSaidWhileNobodyListensIsBounded) {
  dtlto_link Link = openPluginLink([] {});
  std::string Long(1 << 20, 'x');
  for (int I = 0; I < 5000; ++I)
    pluginHost().warn(Link, Long.c_str(), Long.c_str());
  std::deque<PluginEvent> Events = takePluginEvents(Link);
  EXPECT_EQ(Events.size(), 1000u);
  EXPECT_EQ(Events.front().Text.size(), 16384u);
  // What is taken makes room.
  pluginHost().debug(Link, "more");
  EXPECT_EQ(takePluginEvents(Link).size(), 1u);
  closePluginLink(Link);
}

} // namespace

TEST(PluginHost, SurvivesRandomCallsFromManyThreads) {
  Shared With;
  std::vector<std::thread> Plugin;
  for (unsigned I = 0; I < Threads; ++I)
    Plugin.emplace_back([&With, I] { misbehave(With, 4711 + I); });

  std::mt19937 Random(1);
  uint64_t Finished = 0, Wakes = 0;
  // On a busy machine all sequences may be over before the threads have begun.
  for (unsigned I = 0; I < Sequences || Finished == 0 || Wakes == 0; ++I) {
    auto Awake = std::make_shared<std::atomic<uint64_t>>(0);
    dtlto_link Link = openPluginLink([Awake] { ++*Awake; });
    With.Link = Link;
    std::set<dtlto_call> Open;
    for (unsigned J = 0; J < CallsOfSequence; ++J) {
      if (Random() % 2) {
        dtlto_call Call = beginPluginCall(Link);
        EXPECT_TRUE(Open.insert(Call).second);
        With.LastCall = Call;
      }
      for (const PluginEvent &Event : takePluginEvents(Link))
        if (Event.What == PluginEvent::Finished) {
          ++Finished;
          EXPECT_EQ(Open.erase(Event.Call), 1u)
              << "finished twice, or never begun";
        }
    }
    closePluginLink(Link);
    EXPECT_TRUE(takePluginEvents(Link).empty());
    Wakes += *Awake;
    // Nothing of a closed link can be finished any more.
    dtlto_result Result{};
    Result.size = sizeof(Result);
    for (dtlto_call Call : Open)
      EXPECT_EQ(pluginHost().finish(Call, &Result), 0);
  }
  With.IsOver = true;
  for (std::thread &Each : Plugin)
    Each.join();
  // What was taken after the owner's last look is dropped with the link.
  EXPECT_GE(With.Taken, Finished);
  EXPECT_GT(Finished, 0u);
  EXPECT_GT(Wakes, 0u);
}

TEST(PluginHost, CopiesWhatItIsGiven) {
  unsigned Wakes = 0;
  dtlto_link Link = openPluginLink([&Wakes] { ++Wakes; });
  dtlto_call Call = beginPluginCall(Link);
  std::string Object = "object", Text = "text";
  dtlto_result Result{};
  Result.size = sizeof(Result);
  Result.outcome = DTLTO_DONE;
  Result.data = {Object.data(), Object.size()};
  Result.text = Text.c_str();
  Result.compile_ms = 7;
  EXPECT_EQ(pluginHost().finish(Call, &Result), 1);
  EXPECT_EQ(pluginHost().finish(Call, &Result), 0);
  Object = Text = "other!";
  pluginHost().warn(Link, "kind", "message");
  std::deque<PluginEvent> Events = takePluginEvents(Link);
  ASSERT_EQ(Events.size(), 2u);
  EXPECT_EQ(Wakes, 1u); // one for all that nobody has taken
  const PluginResult &Copy = Events[0].Result;
  EXPECT_EQ(std::string(Copy.Data.begin(), Copy.Data.end()), "object");
  EXPECT_EQ(Copy.Text, "text");
  EXPECT_EQ(Copy.CompileMs, 7);
  EXPECT_EQ(Events[1].Word, "kind");
  EXPECT_EQ(Events[1].Text, "message");
  closePluginLink(Link);
}

TEST(PluginHost, TellsTheSizeOfAnAnswer) {
  std::string Answer("DTLR\x05\0\0\0\x00\x01\0\0\0\0\0\0", 16);
  EXPECT_EQ(dtlto_answer_size(Answer.data(), 16), 48u + 5 + 256);
  EXPECT_EQ(dtlto_answer_size(Answer.data(), 15), 0u);
  EXPECT_EQ(dtlto_answer_size(Answer.data(), 0), 0u);
  EXPECT_EQ(dtlto_answer_size("DTLX", 4), UINT64_MAX);
  std::string Large("DTLR\x05\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 16);
  EXPECT_EQ(dtlto_answer_size(Large.data(), 16), UINT64_MAX);
}
