target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-gnu"

declare i32 @llvm.ctpop.i32(i32)

define i32 @plain_step(i32 %v) {
  %m = mul i32 %v, 77
  %p = call i32 @llvm.ctpop.i32(i32 %m)
  %x = xor i32 %p, %v
  ret i32 %x
}

define float @plain_dot(ptr noalias %a, ptr noalias %b, i64 %n) noinline {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %pa = getelementptr float, ptr %a, i64 %i
  %pb = getelementptr float, ptr %b, i64 %i
  %x = load float, ptr %pa
  %y = load float, ptr %pb
  %p = fmul fast float %x, %y
  %z = fadd fast float %p, %y
  store float %z, ptr %pa
  %next = add i64 %i, 1
  %done = icmp uge i64 %next, %n
  br i1 %done, label %exit, label %loop
exit:
  %r = load float, ptr %a
  ret float %r
}
