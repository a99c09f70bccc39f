#include "lzo1x.h"
#include "lzo1x/packed_content.h"
#include "pool_call.h"
#include "values.h"

using namespace llvm;
using dtlto::lzo1x::PackedContent;

namespace {

using LzoBytes = ArrayRef<uint8_t>;

LzoBytes lzoView(const Napi::Value &Given) {
  return arrayRefFromStringRef(dtlto::viewOf(Given));
}

MutableArrayRef<uint8_t> lzoRoom(const Napi::Value &Given) {
  auto Array = Given.As<Napi::Uint8Array>();
  return {Array.Data(), Array.ByteLength()};
}

/// The pieces of a content, kept for other jobs. Blocks that are being made hold
/// them too.
class PiecesObject final : public Napi::ObjectWrap<PiecesObject> {
public:
  static Napi::Function define(Napi::Env Env) {
    return DefineClass(Env, "Pieces",
                       {InstanceAccessor<&PiecesObject::keptBytes>("keptBytes"),
                        InstanceMethod<&PiecesObject::forget>("forget")});
  }
  explicit PiecesObject(const Napi::CallbackInfo &Info) : ObjectWrap(Info) {}
  std::shared_ptr<PackedContent> content() const { return Content; }

private:
  Napi::Value keptBytes(const Napi::CallbackInfo &Info) {
    return Napi::Number::New(Info.Env(), double(Content->keptBytes()));
  }
  void forget(const Napi::CallbackInfo &) { Content->forget(); }

  std::shared_ptr<PackedContent> Content = std::make_shared<PackedContent>();
};

Napi::Value lzoCompress(const Napi::CallbackInfo &Info) {
  LzoBytes Input = lzoView(Info[0]);
  SmallVector<uint8_t, 0> Room;
  Room.resize_for_overwrite(dtlto::lzo1x::worstCase(Input.size()));
  dtlto::lzo1x::Compressor Compressor;
  dtlto::lzo1x::BlockWriter Block(Room);
  dtlto::lzo1x::Piece Piece = Compressor.compress(Input);
  Block.add(Piece);
  if (std::optional<size_t> Size = Block.finish())
    return dtlto::toBuffer(Info.Env(),
                           toStringRef(LzoBytes(Room).take_front(*Size)));
  Napi::Error::New(Info.Env(), "an empty block has no compressed form")
      .ThrowAsJavaScriptException();
  return Info.Env().Undefined();
}

Napi::Value lzoDecompressedSize(const Napi::CallbackInfo &Info) {
  LzoBytes Block = lzoView(Info[0]);
  uint64_t Limit = Info[1].ToNumber().Int64Value();
  auto Size = std::make_shared<uint64_t>(0);
  return dtlto::PoolCall::start(
      dtlto::arrayOf(Info.Env(), {Info[0]}),
      [=]() -> Error {
        Expected<uint64_t> Found = dtlto::lzo1x::decompressedSize(Block, Limit);
        if (!Found)
          return Found.takeError();
        *Size = *Found;
        return Error::success();
      },
      [=](Napi::Env Env) { return Napi::Number::New(Env, double(*Size)); });
}

Napi::Value lzoDecompress(const Napi::CallbackInfo &Info) {
  LzoBytes Block = lzoView(Info[0]);
  MutableArrayRef<uint8_t> Into = lzoRoom(Info[1]);
  return dtlto::PoolCall::start(
      dtlto::arrayOf(Info.Env(), {Info[0], Info[1]}),
      [=] { return dtlto::lzo1x::decompress(Block, Into); },
      [](Napi::Env Env) { return Env.Undefined(); });
}

/// The blocks of a job.
struct LzoPacking {
  struct Content {
    SmallVector<LzoBytes, 4> Parts;
    ArrayRef<uint32_t> Unread;
    std::shared_ptr<PackedContent> Pieces; ///< none: nobody keeps them
    MutableArrayRef<uint8_t> Into;
    PackedContent::Packed Packed{0, 0};
  };
  std::vector<Content> Contents;

  Error run() {
    dtlto::lzo1x::Compressor Compressor;
    for (Content &Each : Contents) {
      PackedContent Own;
      PackedContent &Pieces = Each.Pieces ? *Each.Pieces : Own;
      Expected<PackedContent::Packed> Packed =
          Pieces.pack(Each.Parts, Each.Unread, Each.Into, Compressor);
      if (!Packed)
        return Packed.takeError();
      Each.Packed = *Packed;
    }
    return Error::success();
  }

  Napi::Value sizes(Napi::Env Env) const {
    auto Result = Napi::Array::New(Env, Contents.size() * 2);
    uint32_t At = 0;
    for (const Content &Each : Contents) {
      Result[At++] = double(Each.Packed.BlockBytes);
      Result[At++] = double(Each.Packed.CompressedBytes);
    }
    return Result;
  }
};

Napi::Value lzoPack(const Napi::CallbackInfo &Info) {
  auto Packing = std::make_shared<LzoPacking>();
  // Of each view by itself: the caller's arrays may change.
  Napi::Array Hold = dtlto::arrayOf(Info.Env(), {});
  uint32_t Held = 0;
  auto Given = Info[0].As<Napi::Array>();
  for (uint32_t I = 0, Count = Given.Length(); I < Count; ++I) {
    auto Each = Napi::Value(Given[I]).As<Napi::Object>();
    LzoPacking::Content Content;
    auto Parts = Each.Get("parts").As<Napi::Array>();
    for (uint32_t J = 0, PartCount = Parts.Length(); J < PartCount; ++J) {
      Napi::Value Part = Parts[J];
      Hold[Held++] = Part;
      Content.Parts.push_back(lzoView(Part));
    }
    Napi::Value Into = Each.Get("into");
    Hold[Held++] = Into;
    Content.Into = lzoRoom(Into);
    Napi::Value Unread = Each.Get("unread");
    if (Unread.IsTypedArray()) {
      auto Ranges = Unread.As<Napi::Uint32Array>();
      Hold[Held++] = Unread;
      Content.Unread = ArrayRef(Ranges.Data(), Ranges.ElementLength());
    }
    Napi::Value Pieces = Each.Get("pieces");
    if (Pieces.IsObject())
      if (auto *Object = PiecesObject::Unwrap(Pieces.As<Napi::Object>()))
        Content.Pieces = Object->content();
    Packing->Contents.push_back(std::move(Content));
  }
  if (Info.Env().IsExceptionPending())
    return Info.Env().Undefined();
  return dtlto::PoolCall::start(
      Hold, [Packing] { return Packing->run(); },
      [Packing](Napi::Env Env) { return Packing->sizes(Env); });
}

} // namespace

Napi::Value dtlto::lzo1xFunctions(Napi::Env Env) {
  auto Functions = Napi::Object::New(Env);
  Functions["compress"] = Napi::Function::New<lzoCompress>(Env);
  Functions["decompressedSize"] = Napi::Function::New<lzoDecompressedSize>(Env);
  Functions["decompress"] = Napi::Function::New<lzoDecompress>(Env);
  Functions["pack"] = Napi::Function::New<lzoPack>(Env);
  Functions["Pieces"] = PiecesObject::define(Env);
  return Functions;
}
