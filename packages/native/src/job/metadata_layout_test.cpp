// Imports from modules as they are, and without what ModuleLayout leaves out, as
// LLVM's FunctionImporter does: with the same result.

#include "cut_module_test.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/AutoUpgrade.h"
#include "llvm/Linker/IRMover.h"

using namespace llvm;
using namespace dtlto;

namespace {

/// Of a.c, shortened:
///
///     struct left { int a; struct left *next; };
///     struct right { long b; };
///     enum color { red, green };
///     extern int used(struct left *);
///     extern int unused(struct right *);
///     extern int by_debugger_only(struct left *);
///     static struct right table[2] = {{1}, {2}};
///     int one(struct left *p) { return used(p); }
///     long two(struct right *q) { enum color c; return unused(q) + table[1].b; }
///     long *const *three(void) { return &pointer; }
///
/// Small numbers in summaries are taken for values that are referred to: the first
/// ones are there for that. Names are long, for short ones are not left out.
constexpr const char *Source = R"(
source_filename = "a.c"
%struct.right = type { i64 }
@v0 = external global i8
@v1 = external global i8
@v2 = external global i8
@v3 = external global i8
@v4 = external global i8
@v5 = external global i8
@v6 = external global i8
@v7 = external global i8
@table = internal constant [2 x %struct.right] [%struct.right { i64 1 }, %struct.right { i64 2 }], !dbg !0
@pointer = constant ptr getelementptr (i8, ptr @table, i64 8), !dbg !80
define i32 @one(ptr %p) !dbg !30 {
    #dbg_value(ptr %p, !40, !DIExpression(), !41)
  %r = call i32 @used(ptr %p), !dbg !42, !note !90
  ret i32 %r, !dbg !43
}
declare !dbg !46 i32 @used(ptr)
define i64 @two(ptr %q) !dbg !47 {
    #dbg_value(ptr %q, !52, !DIExpression(), !54)
    #dbg_value(i32 0, !53, !DIExpression(), !54)
  %r = call i32 @unused(ptr %q), !dbg !54
  %s = sext i32 %r to i64, !dbg !54
  %a = getelementptr %struct.right, ptr @table, i64 1, !dbg !54
  %b = load i64, ptr %a, !dbg !54
  %t = add i64 %b, %s, !dbg !54
  ret i64 %t, !dbg !54
}
declare !dbg !66 !note !90 i32 @unused(ptr)
define ptr @three() !dbg !70 {
    #dbg_value(ptr @by_debugger_only, !72, !DIExpression(), !73)
  ret ptr @pointer, !dbg !73
}
declare !dbg !74 i32 @by_debugger_only(ptr)
EXTRA
!llvm.dbg.cu = !{!2}
!llvm.module.flags = !{!18, !19}
!0 = !DIGlobalVariableExpression(var: !1, expr: !DIExpression())
!1 = distinct !DIGlobalVariable(name: "table", scope: !2, file: !3, line: 7, type: !11, isLocal: true, isDefinition: true)
!2 = distinct !DICompileUnit(language: DW_LANG_C11, file: !3, producer: "a producer", isOptimized: true, runtimeVersion: 0, emissionKind: FullDebug, enums: !4, globals: !10)
!3 = !DIFile(filename: "a.c", directory: "/src")
!4 = !{!5}
!5 = !DICompositeType(tag: DW_TAG_enumeration_type, name: "color", file: !3, line: 3, baseType: !6, size: 32, elements: !7)
!6 = !DIBasicType(name: "unsigned int", size: 32, encoding: DW_ATE_unsigned)
!7 = !{!8, !9}
!8 = !DIEnumerator(name: "only_an_enumeratorLONG", value: 1)
!9 = !DIEnumerator(name: "GREEN", value: 2)
!10 = !{!0, !80}
!11 = !DICompositeType(tag: DW_TAG_array_type, baseType: !12, size: 128, elements: !16)
!12 = distinct !DICompositeType(tag: DW_TAG_structure_type, name: "right", file: !3, line: 2, size: 64, elements: !13IDENTIFIER)
!13 = !{!14}
!14 = !DIDerivedType(tag: DW_TAG_member, name: "only_in_rightLONG", scope: !12, file: !3, line: 2, baseType: !15, size: 64)
!15 = !DIBasicType(name: "long", size: 64, encoding: DW_ATE_signed)
!16 = !{!17}
!17 = !DISubrange(count: 2)
!18 = !{i32 7, !"Dwarf Version", i32 5}
!19 = !{i32 2, !"Debug Info Version", i32 3}
!30 = distinct !DISubprogram(name: "one", scope: !3, file: !3, line: 8, type: !31, scopeLine: 8, spFlags: DISPFlagDefinition, unit: !2, retainedNodes: !39)
!31 = !DISubroutineType(types: !32)
!32 = !{!33, !34}
!33 = !DIBasicType(name: "int", size: 32, encoding: DW_ATE_signed)
!34 = !DIDerivedType(tag: DW_TAG_pointer_type, baseType: !35, size: 64)
!35 = distinct !DICompositeType(tag: DW_TAG_structure_type, name: "left", file: !3, line: 1, size: 128, elements: !36)
!36 = !{!37, !38}
!37 = !DIDerivedType(tag: DW_TAG_member, name: "only_in_leftLONG", scope: !35, file: !3, line: 1, baseType: !33, size: 32)
!38 = !DIDerivedType(tag: DW_TAG_member, name: "next", scope: !35, file: !3, line: 1, baseType: !34, size: 64, offset: 64)
!39 = !{!40}
!40 = !DILocalVariable(name: "p", arg: 1, scope: !30, file: !3, line: 8, type: !34)
!41 = !DILocation(line: 0, scope: !30)
!42 = !DILocation(line: 8, column: 34, scope: !30)
!43 = !DILocation(line: 8, column: 44, scope: !30)
!46 = !DISubprogram(name: "used", scope: !3, file: !3, line: 4, type: !31, spFlags: DISPFlagOptimized)
!47 = distinct !DISubprogram(name: "two", scope: !3, file: !3, line: 9, type: !48, scopeLine: 9, spFlags: DISPFlagDefinition, unit: !2, retainedNodes: !51)
!48 = !DISubroutineType(types: !49)
!49 = !{!15, !50}
!50 = !DIDerivedType(tag: DW_TAG_pointer_type, baseType: !12, size: 64)
!51 = !{!52, !53}
!52 = !DILocalVariable(name: "q", arg: 1, scope: !47, file: !3, line: 9, type: !50)
!53 = !DILocalVariable(name: "c", scope: !47, file: !3, line: 9, type: !5)
!54 = !DILocation(line: 9, scope: !47)
!66 = !DISubprogram(name: "unused", scope: !3, file: !3, line: 5, type: !67, spFlags: DISPFlagOptimized)
!67 = !DISubroutineType(types: !68)
!68 = !{!33, !50}
!70 = distinct !DISubprogram(name: "three", scope: !3, file: !3, line: 10, type: !71, scopeLine: 10, spFlags: DISPFlagDefinition, unit: !2)
!71 = !DISubroutineType(types: !{!50})
!72 = !DILocalVariable(name: "r", scope: !70, file: !3, line: 10, type: !50)
!73 = !DILocation(line: 10, scope: !70)
!74 = !DISubprogram(name: "by_debugger_only", scope: !3, file: !3, line: 6, type: !31, spFlags: DISPFlagOptimized)
!80 = !DIGlobalVariableExpression(var: !81, expr: !DIExpression())
!81 = distinct !DIGlobalVariable(name: "pointer", scope: !2, file: !3, line: 7, type: !50, isDefinition: true)
!90 = !{!91}
!91 = distinct !{!91, !92, !"a scope"}
!92 = distinct !{!92, !"a domain"}
)";

class MetadataLayoutTest : public CutModuleTest {
protected:
  /// With \p Extra, and struct right known by \p Identifier if it has one.
  void compile(StringRef Extra = "", StringRef Identifier = "") {
    std::string Text = Source;
    auto replace = [&](StringRef Place, const Twine &With) {
      Text.replace(Text.find(Place), Place.size(), With.str());
    };
    replace("EXTRA", Extra);
    while (Text.find("LONG") != std::string::npos)
      replace("LONG", std::string(200, '_'));
    replace("IDENTIFIER",
            Identifier.empty() ? "" : ", identifier: \"" + Identifier + "\"");
    assemble(Text);
  }

  static std::unique_ptr<Module> load(StringRef Bytes, LLVMContext &Context) {
    auto M =
        cantFail(getLazyBitcodeModule(MemoryBufferRef(Bytes, "a.o"), Context,
                                      /*ShouldLazyLoadMetadata=*/true,
                                      /*IsImporting=*/true));
    cantFail(M->materializeMetadata());
    return M;
  }

  /// All of a module that has imported \p Names, as text.
  static std::string import(StringRef Bytes, ArrayRef<StringRef> Names) {
    LLVMContext Context;
    std::unique_ptr<Module> From = load(Bytes, Context);
    SmallVector<GlobalValue *, 2> Imported;
    for (StringRef Name : Names) {
      Imported.push_back(From->getNamedValue(Name));
      cantFail(Imported.back()->materialize());
    }
    EXPECT_FALSE(UpgradeDebugInfo(*From));
    Module To("to", Context);
    cantFail(IRMover(To).move(std::move(From), Imported, nullptr,
                              /*IsPerformingImport=*/true));
    std::string Text;
    raw_string_ostream OS(Text);
    To.print(OS, nullptr);
    return Text;
  }

  void expectSame(ArrayRef<StringRef> Names) {
    EXPECT_EQ(import(without(Names), Names), import(Standalone, Names))
        << join(Names, ", ");
  }
};

TEST_F(MetadataLayoutTest, ImportsAreTheSame) {
  compile();
  for (StringRef Name : {"one", "two", "three", "pointer", "table"})
    expectSame({Name});
  expectSame({"one", "pointer"});
  expectSame({"one", "two", "three"});
}

TEST_F(MetadataLayoutTest, LeavesOutWhatOthersNeed) {
  compile();
  std::string One = without({"one"}), Two = without({"two"});
  EXPECT_TRUE(StringRef(Standalone).contains("only_in_right"));
  EXPECT_FALSE(StringRef(One).contains("only_in_right"));
  EXPECT_TRUE(StringRef(Two).contains("only_in_right"));
  EXPECT_TRUE(StringRef(One).contains("only_in_left"));
  EXPECT_FALSE(StringRef(Two).contains("only_in_left"));
  // Of a list that the import forgets.
  EXPECT_FALSE(StringRef(One).contains("only_an_enumerator"));
  EXPECT_TRUE(StringRef(Two).contains("only_an_enumerator"));
}

TEST_F(MetadataLayoutTest, KeepsWhatIsAttachedToWhatIsReferredTo) {
  compile();
  auto isAttached = [&](ArrayRef<StringRef> Imported, StringRef To) {
    LLVMContext Context;
    std::string Slim = without(Imported);
    return cast<GlobalObject>(load(Slim, Context)->getNamedValue(To))
        ->hasMetadata(LLVMContext::MD_dbg);
  };
  EXPECT_TRUE(isAttached({"one"}, "used"));
  EXPECT_FALSE(isAttached({"one"}, "unused"));
  EXPECT_FALSE(isAttached({"one"}, "table"));
  EXPECT_FALSE(isAttached({"two"}, "used"));
  EXPECT_TRUE(isAttached({"two"}, "unused"));
  EXPECT_TRUE(isAttached({"two"}, "table"));
  // Its address is in nothing but debug information.
  EXPECT_TRUE(isAttached({"three"}, "by_debugger_only"));
  EXPECT_TRUE(isAttached({"three"}, "pointer"));
  // What is no debug information stays.
  LLVMContext Context;
  std::string One = without({"one"});
  EXPECT_TRUE(load(One, Context)->getFunction("unused")->getMetadata("note"));
  // A variable that is imported comes with its initializer.
  EXPECT_TRUE(isAttached({"pointer"}, "table"));
}

TEST_F(MetadataLayoutTest, TypesWithIdentifiersKeepWhatIsAttached) {
  compile("", "right");
  std::string One = without({"one"});
  LLVMContext Context;
  EXPECT_TRUE(load(One, Context)->getFunction("unused")->getSubprogram());
  EXPECT_TRUE(StringRef(One).contains("only_an_enumerator"));
  // Imported, it is a declaration.
  EXPECT_FALSE(StringRef(without({"two"})).contains("only_in_right"));
  for (StringRef Name : {"one", "two", "three", "pointer"})
    expectSame({Name});
}

TEST_F(MetadataLayoutTest, ArgumentsOfCallsMayBeMetadata) {
  compile(R"(
declare void @llvm.experimental.noalias.scope.decl(metadata)
define void @four() {
  call void @llvm.experimental.noalias.scope.decl(metadata !90)
  ret void
})");
  expectSame({"one"});
  expectSame({"four"});
  EXPECT_TRUE(StringRef(without({"four"})).contains("a scope"));
  EXPECT_FALSE(StringRef(without({"four"})).contains("only_in_right"));
}

TEST_F(MetadataLayoutTest, ArgumentsOfCallsMayBeStrings) {
  compile(R"(
declare i1 @llvm.type.test(ptr, metadata)
define i1 @four(ptr %x) !note !93 {
  %r = call i1 @llvm.type.test(ptr %x, metadata !"a scope")
  ret i1 %r
}
!93 = !{!"a type"}
)");
  expectSame({"one"});
  expectSame({"four"});
  EXPECT_TRUE(StringRef(without({"one"})).contains("only_in_right"));
}

TEST_F(MetadataLayoutTest, BelievesNothing) {
  compile();
  expectNothingIsBelieved({"one", "pointer"});
}

} // namespace
