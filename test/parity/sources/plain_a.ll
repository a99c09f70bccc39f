; As from a compiler that leaves processor, features and frame pointers to the link.
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-gnu"

declare i32 @plain_step(i32)
declare float @plain_dot(ptr, ptr, i64)
@plain_data = global [64 x float] zeroinitializer

define i32 @entry() {
  %a = call i32 @plain_step(i32 7)
  %d = call float @plain_dot(ptr @plain_data, ptr @plain_data, i64 64)
  %i = fptosi float %d to i32
  %s = add i32 %a, %i
  ret i32 %s
}
