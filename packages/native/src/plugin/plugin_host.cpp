// The functions of dtlto_host.
#include "plugin_host.h"
#include <cstring>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace dtlto {

namespace {

struct OpenLink {
  std::mutex Mutex;
  std::function<void()> Wake; ///< empty once the link is closed
  std::deque<PluginEvent> Events;
  size_t Words = 0; ///< among the events: warnings and debug texts

  void post(PluginEvent Event) {
    std::lock_guard<std::mutex> Lock(Mutex);
    if (!Wake)
      return;
    Events.push_back(std::move(Event));
    if (Events.size() == 1)
      Wake();
  }
};

/// Never destroyed: threads of plugins may outlive everything.
struct Numbers {
  std::mutex Mutex;
  uint64_t Next = 1;
  std::unordered_map<dtlto_link, std::shared_ptr<OpenLink>> Links;
  std::unordered_map<dtlto_call, std::shared_ptr<OpenLink>> Calls;

  static Numbers &get() {
    static auto *All = new Numbers;
    return *All;
  }
  template <class Map>
  std::shared_ptr<OpenLink> find(Map &In, uint64_t Number) {
    std::lock_guard<std::mutex> Lock(Mutex);
    auto Found = In.find(Number);
    return Found == In.end() ? nullptr : Found->second;
  }
  std::shared_ptr<OpenLink> takeCall(dtlto_call Call) {
    std::lock_guard<std::mutex> Lock(Mutex);
    auto Found = Calls.find(Call);
    if (Found == Calls.end())
      return nullptr;
    std::shared_ptr<OpenLink> Link = std::move(Found->second);
    Calls.erase(Found);
    return Link;
  }
};

} // namespace

static std::string textOf(const char *Text, size_t Most = std::string::npos) {
  return Text ? std::string(Text, strnlen(Text, Most)) : "";
}

static std::vector<char> copyOf(const dtlto_span &Span) {
  auto *Begin = static_cast<const char *>(Span.data);
  return Begin ? std::vector<char>(Begin, Begin + Span.size)
               : std::vector<char>();
}

static PluginResult copyOf(const dtlto_result *Given) {
  PluginResult Result;
  if (!Given) {
    Result.Text = "finish() was called without a result";
    return Result;
  }
  const dtlto_result &R = *Given;
  Result.Outcome = DTLTO_FIELD(R, outcome);
  Result.Data = copyOf(DTLTO_FIELD(R, data));
  Result.Details = copyOf(DTLTO_FIELD(R, details));
  Result.Text = textOf(DTLTO_FIELD(R, text));
  Result.Worker = textOf(DTLTO_FIELD(R, worker));
  Result.QueuedMs = DTLTO_FIELD(R, queued_ms);
  Result.SendMs = DTLTO_FIELD(R, send_ms);
  Result.CompileMs = DTLTO_FIELD(R, compile_ms);
  Result.ReceiveMs = DTLTO_FIELD(R, receive_ms);
  return Result;
}

static PluginEndpoint copyOf(const dtlto_endpoint &E) {
  PluginEndpoint Endpoint;
  Endpoint.Id = textOf(DTLTO_FIELD(E, id));
  Endpoint.Slots = DTLTO_FIELD(E, slots);
  Endpoint.BusyElsewhere = DTLTO_FIELD(E, busy_elsewhere);
  Endpoint.Accepting = DTLTO_FIELD(E, accepting);
  Endpoint.HasQueue = DTLTO_FIELD(E, has_queue);
  Endpoint.Speed = DTLTO_FIELD(E, speed);
  Endpoint.LatencyMs = DTLTO_FIELD(E, latency_ms);
  Endpoint.QueueLimitMs = DTLTO_FIELD(E, queue_limit_ms);
  Endpoint.DeadlineMs = DTLTO_FIELD(E, deadline_ms);
  Endpoint.Text = textOf(DTLTO_FIELD(E, text));
  return Endpoint;
}

//===----------------------------------------------------------------------===//
// For plugins
//===----------------------------------------------------------------------===//

static int finish(dtlto_call Call, const dtlto_result *Result) {
  std::shared_ptr<OpenLink> Link = Numbers::get().takeCall(Call);
  if (!Link)
    return 0;
  PluginEvent Event(PluginEvent::Finished);
  Event.Call = Call;
  Event.Result = copyOf(Result);
  Link->post(std::move(Event));
  return 1;
}

static void started(dtlto_call Call) {
  Numbers &All = Numbers::get();
  if (std::shared_ptr<OpenLink> Link = All.find(All.Calls, Call)) {
    PluginEvent Event(PluginEvent::Started);
    Event.Call = Call;
    Link->post(std::move(Event));
  }
}

static std::shared_ptr<OpenLink> findLink(dtlto_link Number) {
  Numbers &All = Numbers::get();
  return All.find(All.Links, Number);
}

static void setEndpoints(dtlto_link Number, const dtlto_endpoint *const *List,
                         size_t Count) {
  std::shared_ptr<OpenLink> Link = findLink(Number);
  if (!Link)
    return;
  PluginEvent Event(PluginEvent::Endpoints);
  for (size_t I = 0; List && I < Count; ++I)
    if (List[I])
      Event.TheEndpoints.push_back(copyOf(*List[I]));
  Link->post(std::move(Event));
}

/// What a plugin says while nobody listens takes 32 MiB at most.
static constexpr size_t MostWords = 1000, MostWordBytes = 16384;

static void say(PluginEvent::Kind What, dtlto_link Number, const char *Kind,
                const char *Text) {
  std::shared_ptr<OpenLink> Link = findLink(Number);
  if (!Link)
    return;
  {
    std::lock_guard<std::mutex> Lock(Link->Mutex);
    if (++Link->Words > MostWords)
      return;
  }
  PluginEvent Event(What);
  Event.Word = textOf(Kind, MostWordBytes);
  Event.Text = textOf(Text, MostWordBytes);
  Link->post(std::move(Event));
}

static void warn(dtlto_link Link, const char *Kind, const char *Message) {
  say(PluginEvent::Warning, Link, Kind, Message);
}

static void debug(dtlto_link Link, const char *Message) {
  say(PluginEvent::Debug, Link, nullptr, Message);
}

const dtlto_host &pluginHost() {
  static const dtlto_host Host = {sizeof(dtlto_host),
                                  DTLTO_PLUGIN_ABI,
                                  finish,
                                  started,
                                  setEndpoints,
                                  warn,
                                  debug};
  return Host;
}

//===----------------------------------------------------------------------===//
// For the thread that owns a plugin
//===----------------------------------------------------------------------===//

dtlto_link openPluginLink(std::function<void()> Wake) {
  auto Link = std::make_shared<OpenLink>();
  Link->Wake = std::move(Wake);
  Numbers &All = Numbers::get();
  std::lock_guard<std::mutex> Lock(All.Mutex);
  dtlto_link Number = All.Next++;
  All.Links.emplace(Number, std::move(Link));
  return Number;
}

void closePluginLink(dtlto_link Number) {
  std::shared_ptr<OpenLink> Link = findLink(Number);
  if (!Link)
    return;
  {
    std::lock_guard<std::mutex> Lock(Link->Mutex);
    Link->Wake = nullptr;
    Link->Events.clear();
  }
  Numbers &All = Numbers::get();
  std::lock_guard<std::mutex> Lock(All.Mutex);
  All.Links.erase(Number);
  for (auto Each = All.Calls.begin(); Each != All.Calls.end();)
    Each = Each->second == Link ? All.Calls.erase(Each) : std::next(Each);
}

dtlto_call beginPluginCall(dtlto_link Number) {
  Numbers &All = Numbers::get();
  std::lock_guard<std::mutex> Lock(All.Mutex);
  dtlto_call Call = All.Next++;
  auto Link = All.Links.find(Number);
  if (Link != All.Links.end())
    All.Calls.emplace(Call, Link->second);
  return Call;
}

std::deque<PluginEvent> takePluginEvents(dtlto_link Number) {
  std::shared_ptr<OpenLink> Link = findLink(Number);
  if (!Link)
    return {};
  std::lock_guard<std::mutex> Lock(Link->Mutex);
  Link->Words = 0;
  return std::exchange(Link->Events, {});
}

} // namespace dtlto
