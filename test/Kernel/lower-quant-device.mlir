// RUN: qcc-opt %s --qcc-kernel-lower-quant -split-input-file | FileCheck %s

// Where threads share rows, a step costs more than what several threads do again: keys are rotated where they are stored, queries where they are read,
// and partial results become int8 where they are merged. K of few panels is divided among more threads.
module attributes {qnt.dims = ["batch", "seq", "past", "context"],
                   qk.target = {panel_lanes = 32, vector_bits = 1024, vector_registers = 16, dot4 = true, team_threads = 16, busy_threads = 4096, share_columns = 32, share_rows = 32}} {
  // CHECK-LABEL: func.func @decode
  // CHECK-NOT: qk.launch @rotary
  // CHECK: qk.launch @kv_update_2x64f16_128_128_r32x256(%{{.*}}, %{{.*}}, %[[COS:[a-z0-9]+]], %[[SIN:[a-z0-9]+]] :
  // CHECK: %[[P:.*]] = qk.launch @attention_chunk_h2_kv2x64f16_{{.*}}_r32x256_128(%{{.*}}, %{{.*}}, %[[COS]], %[[SIN]] :
  // CHECK: %[[Q:.*]]:3 = qk.launch @attention_merge_h2_64_a8_128(%[[P]] :
  // CHECK: qk.launch @linear_64x128_{{.*}}_decode_t8(%[[Q]]#0, %[[Q]]#1, %[[Q]]#2,
  // A team merges: each thread a part of a head's chunks, then one thread the parts.
  // CHECK: func.func private @attention_merge_h2_64_a8_128({{.*}} qk.team = 16
  // CHECK: qk.bind team
  // CHECK: scf.if
  // CHECK: qk.team_barrier
  // CHECK: scf.if
  // CHECK: qk.team_barrier
  func.func @decode(%q: tensor<?x?x128xf32> {qnt.dims = ["batch", "seq", "128"]}, %k: tensor<?x?x128xf32> {qnt.dims = ["batch", "seq", "128"]}, %v: tensor<?x?x128xf32> {qnt.dims = ["batch", "seq", "128"]}, %cos: tensor<256x32xf32>, %sin: tensor<256x32xf32>,
                    %m: memref<?xf16>, %wm: memref<4608xi8>) -> tensor<?x?x64xf32> attributes {qk.rows = "decode"} {
    %past = qk.dim "past"
    %cache = builtin.unrealized_conversion_cast %m : memref<?xf16> to !qnt.cache<2x64xf16>
    %w = builtin.unrealized_conversion_cast %wm : memref<4608xi8> to tensor<64x128x!qnt.block<bits = 4, group = 32>>
    %at = qnt.positions at %past : tensor<?x?xi64>
    %rk = qnt.rotary %k at %at, %cos, %sin heads 2 : tensor<?x?x128xf32>, tensor<?x?xi64>, tensor<256x32xf32>
    qnt.kv_update %rk, %v into %cache at %past : tensor<?x?x128xf32>, !qnt.cache<2x64xf16>
    %rq = qnt.rotary %q at %at, %cos, %sin heads 2 : tensor<?x?x128xf32>, tensor<?x?xi64>, tensor<256x32xf32>
    %a = qnt.attention %rq over %cache at %past heads 2 scale 0.125 : tensor<?x?x128xf32>, !qnt.cache<2x64xf16>
    %codes = qnt.quantize %a : tensor<?x?x128xf32> -> tensor<?x?x128x!qnt.block<bits = 8, group = 32, scale = f32>>
    %y = qnt.matmul %codes, %w : tensor<?x?x128x!qnt.block<bits = 8, group = 32, scale = f32>>, tensor<64x128x!qnt.block<bits = 4, group = 32>> -> tensor<?x?x64xf32>
    return %y : tensor<?x?x64xf32>
  }
}

// -----

// A product makes the row of a norm or of a gated unit itself, which takes less time than a step; not where it is one of two readers, or where there are
// more rows than one.
module attributes {qnt.dims = ["batch", "seq", "past", "context"],
                   qk.target = {panel_lanes = 32, vector_bits = 1024, vector_registers = 16, dot4 = true, team_threads = 16, busy_threads = 4096, share_columns = 32, share_rows = 32, repeat_columns = 128}} {
  // CHECK-LABEL: func.func @row
  // CHECK-NOT: qk.launch
  // CHECK: qk.launch @linear_64x128_s128_matmul_w4g32_a8_decode_t8_of_norm_rms_128_e{{[0-9a-f]+}}(%arg0, %arg1, %{{.*}} :
  // CHECK: qk.launch @linear_64x128_s128_matmul_w4g32_a8_decode_t8_of_glu_silu(%arg2, %{{.*}} :
  // CHECK-NOT: qk.launch
  // CHECK: return
  func.func @row(%x: tensor<?x?x128xf32> {qnt.dims = ["batch", "seq", "128"]}, %s: tensor<128xf32>, %u: tensor<?x?x256xf32> {qnt.dims = ["batch", "seq", "256"]},
                 %wm: memref<4608xi8>) -> (tensor<?x?x64xf32>, tensor<?x?x64xf32>) attributes {qk.rows = "decode"} {
    %w = builtin.unrealized_conversion_cast %wm : memref<4608xi8> to tensor<64x128x!qnt.block<bits = 4, group = 32>>
    %n = qnt.norm rms %x, %s eps 1.0e-5 : tensor<?x?x128xf32>, tensor<128xf32>
    %c = qnt.quantize %n : tensor<?x?x128xf32> -> tensor<?x?x128x!qnt.block<bits = 8, group = 32, scale = f32>>
    %y = qnt.matmul %c, %w : tensor<?x?x128x!qnt.block<bits = 8, group = 32, scale = f32>>, tensor<64x128x!qnt.block<bits = 4, group = 32>> -> tensor<?x?x64xf32>
    %g = qnt.glu silu %u : tensor<?x?x256xf32> -> tensor<?x?x128xf32>
    %d = qnt.quantize %g : tensor<?x?x128xf32> -> tensor<?x?x128x!qnt.block<bits = 8, group = 32, scale = f32>>
    %z = qnt.matmul %d, %w : tensor<?x?x128x!qnt.block<bits = 8, group = 32, scale = f32>>, tensor<64x128x!qnt.block<bits = 4, group = 32>> -> tensor<?x?x64xf32>
    return %y, %z : tensor<?x?x64xf32>, tensor<?x?x64xf32>
  }
  // CHECK-LABEL: func.func @readers
  // CHECK: %[[N:.*]]:3 = qk.launch @norm_rms_128_{{.*}}_a8_128(
  // CHECK: qk.launch @linear_64x128_{{.*}}_decode_t8(%[[N]]#0,
  // CHECK: qk.launch @linear_64x128_{{.*}}_decode_t8(%[[N]]#0,
  func.func @readers(%x: tensor<?x?x128xf32> {qnt.dims = ["batch", "seq", "128"]}, %s: tensor<128xf32>, %wm: memref<4608xi8>) -> (tensor<?x?x64xf32>, tensor<?x?x64xf32>) attributes {qk.rows = "decode"} {
    %w = builtin.unrealized_conversion_cast %wm : memref<4608xi8> to tensor<64x128x!qnt.block<bits = 4, group = 32>>
    %n = qnt.norm rms %x, %s eps 1.0e-5 : tensor<?x?x128xf32>, tensor<128xf32>
    %c = qnt.quantize %n : tensor<?x?x128xf32> -> tensor<?x?x128x!qnt.block<bits = 8, group = 32, scale = f32>>
    %y = qnt.matmul %c, %w : tensor<?x?x128x!qnt.block<bits = 8, group = 32, scale = f32>>, tensor<64x128x!qnt.block<bits = 4, group = 32>> -> tensor<?x?x64xf32>
    %z = qnt.matmul %c, %w : tensor<?x?x128x!qnt.block<bits = 8, group = 32, scale = f32>>, tensor<64x128x!qnt.block<bits = 4, group = 32>> -> tensor<?x?x64xf32>
    return %y, %z : tensor<?x?x64xf32>, tensor<?x?x64xf32>
  }
  // CHECK-LABEL: func.func @rows
  // CHECK: %[[N:.*]]:3 = qk.launch @norm_rms_128_{{.*}}_a8_128(
  // CHECK: qk.launch @linear_64x128_{{.*}}_short_t8(%[[N]]#0,
  func.func @rows(%x: tensor<?x?x128xf32> {qnt.dims = ["batch", "seq", "128"]}, %s: tensor<128xf32>, %wm: memref<4608xi8>) -> tensor<?x?x64xf32> attributes {qk.rows = "short"} {
    %w = builtin.unrealized_conversion_cast %wm : memref<4608xi8> to tensor<64x128x!qnt.block<bits = 4, group = 32>>
    %n = qnt.norm rms %x, %s eps 1.0e-5 : tensor<?x?x128xf32>, tensor<128xf32>
    %c = qnt.quantize %n : tensor<?x?x128xf32> -> tensor<?x?x128x!qnt.block<bits = 8, group = 32, scale = f32>>
    %y = qnt.matmul %c, %w : tensor<?x?x128x!qnt.block<bits = 8, group = 32, scale = f32>>, tensor<64x128x!qnt.block<bits = 4, group = 32>> -> tensor<?x?x64xf32>
    return %y : tensor<?x?x64xf32>
  }
}

// -----

// Where a team leaves threads of the device without work, several divide K, superblocks first: they form clusters. Each makes its own part of a gated row.
module attributes {qnt.dims = ["batch", "seq", "past", "context"],
                   qk.target = {panel_lanes = 32, vector_bits = 1024, vector_registers = 16, dot4 = true, team_threads = 16, cluster_teams = 2, busy_threads = 4096, share_columns = 32, share_rows = 32, repeat_columns = 8192}} {
  // CHECK-LABEL: func.func @deep
  // CHECK: qk.launch @linear_32x8192_s8192_matmul_w4g32_a8_decode_t32x2_of_glu_silu(
  // CHECK: func.func private @linear_32x8192_s8192_matmul_w4g32_a8_decode_t32x2_of_glu_silu(
  // CHECK-SAME: qk.cluster = 2
  // CHECK: %[[PART:.*]] = qk.cluster_rank
  // CHECK: arith.muli %[[PART]]
  // CHECK: func.func private @qk_matmul_w4g32_a8_decode_t32x2(
  // CHECK: qk.team_barrier
  // CHECK: %[[TEAM:.*]] = qk.cluster_rank
  // CHECK: qk.cluster_wait
  // CHECK: qk.cluster_arrive
  // CHECK: qk.cluster_wait
  // CHECK: arith.cmpi eq, %[[TEAM]]
  // CHECK: qk.cluster_arrive
  func.func @deep(%u: tensor<?x?x16384xf32> {qnt.dims = ["batch", "seq", "16384"]}, %wm: memref<147456xi8>) -> tensor<?x?x32xf32> attributes {qk.rows = "decode"} {
    %w = builtin.unrealized_conversion_cast %wm : memref<147456xi8> to tensor<32x8192x!qnt.block<bits = 4, group = 32>>
    %g = qnt.glu silu %u : tensor<?x?x16384xf32> -> tensor<?x?x8192xf32>
    %d = qnt.quantize %g : tensor<?x?x8192xf32> -> tensor<?x?x8192x!qnt.block<bits = 8, group = 32, scale = f32>>
    %z = qnt.matmul %d, %w : tensor<?x?x8192x!qnt.block<bits = 8, group = 32, scale = f32>>, tensor<32x8192x!qnt.block<bits = 4, group = 32>> -> tensor<?x?x32xf32>
    return %z : tensor<?x?x32xf32>
  }
}

// -----

// Attention of many rows over a cache of f16 is the matrix unit's; other caches, and heads of other sizes, are read by vectors.
module attributes {qnt.dims = ["batch", "seq", "past", "context"],
                   qk.target = {panel_lanes = 32, vector_bits = 1024, vector_registers = 16, dot4 = true, team_threads = 16, busy_threads = 4096, share_columns = 32, share_rows = 32, lane_mma = true}} {
  // CHECK-LABEL: func.func @prompt
  // CHECK: func.func private @attention_h2_kv1x64f16_{{.*}}qk.lane_registers = 255
  // CHECK: qk.lane_mma_half
  // CHECK: qk.swap_lanes %{{.*}}, 1
  // CHECK: qk.lane_mma_half
  // CHECK: func.func private @attention_h2_kv1x64f32_
  // CHECK-NOT: qk.lane_mma_half
  // CHECK: func.func private @attention_h2_kv1x32f16_
  // CHECK-NOT: qk.lane_mma_half
  func.func @prompt(%q: tensor<?x?x128xf32> {qnt.dims = ["batch", "seq", "128"]}, %h: tensor<?x?x64xf32> {qnt.dims = ["batch", "seq", "64"]}, %m: memref<?xf16>, %f: memref<?xf32>)
      -> (tensor<?x?x128xf32>, tensor<?x?x128xf32>, tensor<?x?x64xf32>) attributes {qk.rows = "long"} {
    %past = qk.dim "past"
    %half = builtin.unrealized_conversion_cast %m : memref<?xf16> to !qnt.cache<1x64xf16>
    %float = builtin.unrealized_conversion_cast %f : memref<?xf32> to !qnt.cache<1x64xf32>
    %small = builtin.unrealized_conversion_cast %m : memref<?xf16> to !qnt.cache<1x32xf16>
    %a = qnt.attention %q over %half at %past heads 2 scale 0.125 : tensor<?x?x128xf32>, !qnt.cache<1x64xf16>
    %b = qnt.attention %q over %float at %past heads 2 scale 0.125 : tensor<?x?x128xf32>, !qnt.cache<1x64xf32>
    %c = qnt.attention %h over %small at %past heads 2 scale 0.125 : tensor<?x?x64xf32>, !qnt.cache<1x32xf16>
    return %a, %b, %c : tensor<?x?x128xf32>, tensor<?x?x128xf32>, tensor<?x?x64xf32>
  }
}
