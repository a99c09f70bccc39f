// A distributor in C, as JavaScript sees it.
#include "plugin_object.h"
#include "plugin_jobs.h"
#include <dlfcn.h>

namespace dtlto {

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

static Napi::Value toList(Napi::Env Env, const char *const *Items) {
  if (!Items)
    return Env.Undefined();
  auto List = Napi::Array::New(Env);
  for (uint32_t I = 0; Items[I]; ++I)
    List[I] = Napi::String::New(Env, Items[I]);
  return List;
}

static Napi::Value toText(Napi::Env Env, const char *Text) {
  return Text ? Napi::String::New(Env, Text) : Env.Undefined();
}

static Napi::Value toOptions(Napi::Env Env,
                             const dtlto_option *const *Options) {
  auto List = Napi::Array::New(Env);
  for (uint32_t I = 0; Options && Options[I]; ++I) {
    const dtlto_option &From = *Options[I];
    auto Option = Napi::Object::New(Env);
    Option["name"] = toText(Env, DTLTO_FIELD(From, name));
    Option["description"] = toText(Env, DTLTO_FIELD(From, description));
    Option["type"] = Napi::Number::New(Env, DTLTO_FIELD(From, type));
    Option["default"] = toText(Env, DTLTO_FIELD(From, default_value));
    Option["min"] = Napi::Number::New(Env, double(DTLTO_FIELD(From, min)));
    Option["max"] = Napi::Number::New(Env, double(DTLTO_FIELD(From, max)));
    Option["choices"] = toList(Env, DTLTO_FIELD(From, choices));
    Option["flags"] = Napi::Number::New(Env, DTLTO_FIELD(From, flags));
    List[I] = Option;
  }
  return List;
}

static Napi::Value throwError(Napi::Env Env, const std::string &Message) {
  Napi::Error::New(Env, Message).ThrowAsJavaScriptException();
  return Env.Undefined();
}

/// Empty if the table can be used.
static std::string whyUnusable(const dtlto_plugin &Table) {
  if (DTLTO_FIELD(Table, abi) != DTLTO_PLUGIN_ABI)
    return "it was built for version " +
           std::to_string(DTLTO_FIELD(Table, abi)) +
           " of dtlto_plugin.h, this dtlto has version " +
           std::to_string(DTLTO_PLUGIN_ABI);
  if (!DTLTO_FIELD(Table, destroy) || !Table.name || !Table.open ||
      !Table.compile || !Table.cancel)
    return "its table lacks name, open, compile, cancel or destroy";
  return "";
}

/// loadPlugin(path). The library stays loaded: threads of it may run.
Napi::Value loadPlugin(const Napi::CallbackInfo &Info) {
  Napi::Env Env = Info.Env();
  std::string Path = Info[0].ToString().Utf8Value();
  // Node exports libraries' symbols (OpenSSL, zlib, libuv): a plugin that is linked
  // with one of these must get its own. Under LD_PRELOAD, which this would bypass,
  // it cannot.
  const char *Preloaded = getenv("LD_PRELOAD");
  int DeepBind = Preloaded && *Preloaded ? 0 : RTLD_DEEPBIND;
  void *Library = dlopen(Path.c_str(), RTLD_NOW | RTLD_LOCAL | DeepBind);
  if (!Library)
    return throwError(Env, dlerror());
  auto *Table =
      static_cast<const dtlto_plugin *>(dlsym(Library, "dtlto_plugin_v1"));
  if (!Table)
    return throwError(Env, "it has no symbol dtlto_plugin_v1, which plugins in "
                           "C export (Node-API libraries are named .node)");
  if (std::string Why = whyUnusable(*Table); !Why.empty())
    return throwError(Env, Why);
  auto Result = Napi::Object::New(Env);
  Result["name"] = Napi::String::New(Env, Table->name);
  Result["form"] = Napi::Number::New(Env, Table->form);
  Result["integrity"] = Napi::Boolean::New(Env, Table->integrity == 1);
  Result["options"] = toOptions(Env, Table->options);
  Result["canPrepare"] = Napi::Boolean::New(Env, Table->prepare);
  Result["canProbe"] = Napi::Boolean::New(Env, Table->probe);
  Result["canClose"] = Napi::Boolean::New(Env, Table->close);
  Result["table"] =
      Napi::External<dtlto_plugin>::New(Env, const_cast<dtlto_plugin *>(Table));
  return Result;
}

//===----------------------------------------------------------------------===//
// An opened one
//===----------------------------------------------------------------------===//

Napi::Function PluginObject::define(Napi::Env Env) {
  return DefineClass(Env, "Plugin",
                     {InstanceMethod<&PluginObject::takeEvents>("takeEvents"),
                      InstanceMethod<&PluginObject::prepare>("prepare"),
                      InstanceMethod<&PluginObject::probe>("probe"),
                      InstanceMethod<&PluginObject::compile>("compile"),
                      InstanceMethod<&PluginObject::cancel>("cancel"),
                      InstanceMethod<&PluginObject::close>("close"),
                      InstanceMethod<&PluginObject::destroy>("destroy")});
}

namespace {

/// The options that a plugin is opened with.
struct OptionValues {
  explicit OptionValues(const Napi::Array &Given) {
    for (uint32_t I = 0; I < Given.Length(); ++I) {
      auto Pair = Napi::Value(Given[I]).As<Napi::Array>();
      auto Items = Napi::Value(Pair[1u]).As<Napi::Array>();
      std::vector<const char *> &Pointers = ItemLists.emplace_back();
      for (uint32_t J = 0; J < Items.Length(); ++J)
        Pointers.push_back(text(Items[J]));
      Pointers.push_back(nullptr);
      Values.push_back({sizeof(dtlto_value), text(Pair[0u]), Pointers.data()});
    }
    for (const dtlto_value &Value : Values)
      List.push_back(&Value);
    List.push_back(nullptr);
  }
  const char *text(const Napi::Value &Text) {
    return Texts.emplace_back(Text.ToString().Utf8Value()).c_str();
  }
  std::deque<std::string> Texts;
  std::deque<std::vector<const char *>> ItemLists;
  std::deque<dtlto_value> Values;
  std::vector<const dtlto_value *> List;
};

} // namespace

PluginObject::PluginObject(const Napi::CallbackInfo &Info)
    : Napi::ObjectWrap<PluginObject>(Info),
      Table(Info[0].As<Napi::External<dtlto_plugin>>().Data()) {
  Napi::Env Env = Info.Env();
  auto Given = Info[1].As<Napi::Object>();
  Wake = WakeFunction::New(Env, Info[2].As<Napi::Function>(), "dtlto plugin",
                           /*maxQueueSize=*/0, /*initialThreadCount=*/1, this);
  Wake.Unref(Env);
  Number = openPluginLink([this] { Wake.NonBlockingCall(); });

  OptionValues Options(Given.Get("options").As<Napi::Array>());
  dtlto_context Context{};
  Context.size = sizeof(Context);
  Context.link = Number;
  Context.flavour = Options.text(Given.Get("flavour"));
  Context.llvm_version = Options.text(Given.Get("llvmVersion"));
  Context.working_directory = Options.text(Given.Get("workingDirectory"));
  Context.codegen_program = Options.text(Given.Get("codegenProgram"));
  Context.options = Options.List.data();
  char Problem[1024] = "";
  Self = Table->open(&pluginHost(), &Context, Problem, sizeof(Problem));
  Ref();
  napi_add_env_cleanup_hook(Env, environmentEnds, this);
  if (!Self) {
    end();
    Problem[sizeof(Problem) - 1] = 0;
    throwError(Env, *Problem ? Problem : "open() failed and did not say why");
  }
}

PluginObject::~PluginObject() = default;

void PluginObject::end() {
  if (std::exchange(IsOver, true))
    return;
  closePluginLink(Number);
  napi_remove_env_cleanup_hook(Env(), environmentEnds, this);
  Wake.Release();
  Unref();
}

/// Threads of the plugin may still read its jobs: what they point to is left.
void PluginObject::environmentEnds(void *Object) {
  auto *Plugin = static_cast<PluginObject *>(Object);
  for (auto &[Call, Jobs] : Plugin->Calls)
    (void)Jobs.release();
  Plugin->IsOver = true;
  closePluginLink(Plugin->Number);
  Plugin->Wake.Release();
}

void PluginObject::callJs(Napi::Env Env, Napi::Function OnEvents,
                          PluginObject *, void *) {
  if (Env)
    OnEvents.Call({});
}

dtlto_call PluginObject::begin(std::unique_ptr<PluginJobs> Jobs) {
  dtlto_call Call = beginPluginCall(Number);
  if (Calls.empty() && !IsOver)
    Wake.Ref(Env());
  Calls.emplace(Call, std::move(Jobs));
  return Call;
}

void PluginObject::endCall(dtlto_call Call) {
  Calls.erase(Call);
  if (!Calls.empty() || IsOver)
    return;
  if (Self)
    Wake.Unref(Env());
  else
    end();
}

Napi::Value PluginObject::prepare(const Napi::CallbackInfo &Info) {
  auto Owned = std::make_unique<PluginJobs>(Info[0].As<Napi::Array>());
  PluginJobs &Jobs = *Owned;
  dtlto_call Call = begin(std::move(Owned));
  Table->prepare(Self, Call, Jobs.List.data(), Jobs.List.size());
  return Napi::Number::New(Info.Env(), double(Call));
}

Napi::Value PluginObject::probe(const Napi::CallbackInfo &Info) {
  dtlto_call Call = begin(nullptr);
  Table->probe(Self, Call, Info[0].ToString().Utf8Value().c_str());
  return Napi::Number::New(Info.Env(), double(Call));
}

Napi::Value PluginObject::compile(const Napi::CallbackInfo &Info) {
  auto Owned = std::make_unique<PluginJobs>(Info[0].As<Napi::Array>());
  const dtlto_job *Job = Owned->List.front();
  dtlto_call Call = begin(std::move(Owned));
  Table->compile(Self, Call, Job);
  return Napi::Number::New(Info.Env(), double(Call));
}

Napi::Value PluginObject::cancel(const Napi::CallbackInfo &Info) {
  if (Self)
    Table->cancel(Self, dtlto_call(Info[0].ToNumber().Int64Value()));
  return Info.Env().Undefined();
}

Napi::Value PluginObject::close(const Napi::CallbackInfo &Info) {
  dtlto_call Call = begin(nullptr);
  Table->close(Self, Call);
  return Napi::Number::New(Info.Env(), double(Call));
}

Napi::Value PluginObject::destroy(const Napi::CallbackInfo &Info) {
  if (void *Plugin = std::exchange(Self, nullptr))
    Table->destroy(Plugin);
  if (Calls.empty())
    end();
  return Info.Env().Undefined();
}

//===----------------------------------------------------------------------===//
// Events
//===----------------------------------------------------------------------===//

/// JavaScript owns the bytes from here on.
static Napi::Value toBuffer(Napi::Env Env, std::vector<char> &&Bytes) {
  auto *Owned = new std::vector<char>(std::move(Bytes));
  return Napi::Buffer<char>::New(
      Env, Owned->data(), Owned->size(),
      [](Napi::Env, char *, std::vector<char> *Owned) { delete Owned; }, Owned);
}

static Napi::Object toObject(Napi::Env Env, PluginResult &&From) {
  auto Result = Napi::Object::New(Env);
  Result["outcome"] = Napi::Number::New(Env, From.Outcome);
  Result["data"] = toBuffer(Env, std::move(From.Data));
  Result["details"] = toBuffer(Env, std::move(From.Details));
  Result["text"] = Napi::String::New(Env, From.Text);
  Result["worker"] = Napi::String::New(Env, From.Worker);
  Result["queuedMs"] = Napi::Number::New(Env, From.QueuedMs);
  Result["sendMs"] = Napi::Number::New(Env, From.SendMs);
  Result["compileMs"] = Napi::Number::New(Env, From.CompileMs);
  Result["receiveMs"] = Napi::Number::New(Env, From.ReceiveMs);
  return Result;
}

static Napi::Object toObject(Napi::Env Env, const PluginEndpoint &From) {
  auto Endpoint = Napi::Object::New(Env);
  Endpoint["id"] = Napi::String::New(Env, From.Id);
  Endpoint["text"] = Napi::String::New(Env, From.Text);
  Endpoint["slots"] = Napi::Number::New(Env, From.Slots);
  Endpoint["busyElsewhere"] = Napi::Number::New(Env, From.BusyElsewhere);
  Endpoint["accepting"] = Napi::Boolean::New(Env, From.Accepting);
  Endpoint["hasQueue"] = Napi::Boolean::New(Env, From.HasQueue);
  Endpoint["speed"] = Napi::Number::New(Env, From.Speed);
  Endpoint["latencyMs"] = Napi::Number::New(Env, From.LatencyMs);
  Endpoint["queueLimitMs"] = Napi::Number::New(Env, From.QueueLimitMs);
  Endpoint["deadlineMs"] = Napi::Number::New(Env, From.DeadlineMs);
  return Endpoint;
}

static Napi::Object toObject(Napi::Env Env, PluginEvent &&From) {
  static constexpr const char *Kinds[] = {"finished", "started", "endpoints",
                                          "warning", "debug"};
  auto Event = Napi::Object::New(Env);
  Event["kind"] = Napi::String::New(Env, Kinds[From.What]);
  switch (From.What) {
  case PluginEvent::Finished:
    Event["result"] = toObject(Env, std::move(From.Result));
    [[fallthrough]];
  case PluginEvent::Started:
    Event["call"] = Napi::Number::New(Env, double(From.Call));
    break;
  case PluginEvent::Endpoints: {
    auto List = Napi::Array::New(Env);
    for (const PluginEndpoint &Endpoint : From.TheEndpoints)
      List[List.Length()] = toObject(Env, Endpoint);
    Event["endpoints"] = List;
    break;
  }
  case PluginEvent::Warning:
  case PluginEvent::Debug:
    Event["word"] = Napi::String::New(Env, From.Word);
    Event["text"] = Napi::String::New(Env, From.Text);
    break;
  }
  return Event;
}

Napi::Value PluginObject::takeEvents(const Napi::CallbackInfo &Info) {
  auto List = Napi::Array::New(Info.Env());
  for (PluginEvent &Event : takePluginEvents(Number)) {
    dtlto_call Ended = Event.What == PluginEvent::Finished ? Event.Call : 0;
    List[List.Length()] = toObject(Info.Env(), std::move(Event));
    if (Ended)
      endCall(Ended);
  }
  return List;
}

} // namespace dtlto
