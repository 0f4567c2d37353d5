;; Pillow's two resize passes on RGB bytes, with 128-bit vectors. `resize.ts` prepares the weights.
;;
;; A weight has 22 bits behind the point and a sign, too many for the instruction that multiplies eight 16-bit
;; numbers and adds neighbours (i32x4.dot_i16x8_s). So each is split, weight = high * 2^14 + low, two sums are
;; kept, and sum = low sums + (high sums << 14) is exact: integers modulo 2^32 do not round.
;; Taps go in pairs, because the instruction takes pairs; an odd one gets a partner of weight 0.
;;
;; Weights are a stream of 32-bit words, one entry for each output position:
;;   first byte of the source (relative to its line or image), number of pairs, then for each pair
;;   its two low parts and its two high parts, as two 16-bit numbers in a word.
;;
;; Reads and writes may go up to 16 bytes past the end of a line; what is written there is overwritten by the
;; next line, and the caller leaves room behind the last.
(module
  (memory (export "memory") 1)

  ;; The horizontal pass: every line of the source becomes a line of `width` pixels.
  (func (export "rows")
    (param $source i32) (param $sourceLine i32) (param $height i32)
    (param $target i32) (param $width i32) (param $weights i32)
    (local $entry i32) (local $pixel i32) (local $pairs i32) (local $lineEnd i32)
    (local $low v128) (local $high v128) (local $taps v128)
    (loop $lines
      (local.set $entry (local.get $weights))
      (local.set $lineEnd (i32.add (local.get $target) (i32.mul (local.get $width) (i32.const 3))))
      (loop $pixels
        (local.set $pixel (i32.add (local.get $source) (i32.load (local.get $entry))))
        (local.set $pairs (i32.load offset=4 (local.get $entry)))
        (local.set $entry (i32.add (local.get $entry) (i32.const 8)))
        (local.set $low (v128.const i32x4 2097152 2097152 2097152 2097152)) ;; one half, to round
        (local.set $high (v128.const i32x4 0 0 0 0))
        (loop $sum
          ;; Two pixels r g b, r' g' b' to 16 bits each: r r' g g' b b' 0 0
          (local.set $taps (i8x16.swizzle
            (v128.load64_zero (local.get $pixel))
            (v128.const i8x16 0 255 3 255 1 255 4 255 2 255 5 255 255 255 255 255)))
          (local.set $low (i32x4.add (local.get $low)
            (i32x4.dot_i16x8_s (local.get $taps) (v128.load32_splat (local.get $entry)))))
          (local.set $high (i32x4.add (local.get $high)
            (i32x4.dot_i16x8_s (local.get $taps) (v128.load32_splat offset=4 (local.get $entry)))))
          (local.set $pixel (i32.add (local.get $pixel) (i32.const 6)))
          (local.set $entry (i32.add (local.get $entry) (i32.const 8)))
          (br_if $sum (local.tee $pairs (i32.sub (local.get $pairs) (i32.const 1)))))
        (local.set $low (i32x4.shr_s
          (i32x4.add (local.get $low) (i32x4.shl (local.get $high) (i32.const 14)))
          (i32.const 22)))
        (local.set $low (i16x8.narrow_i32x4_s (local.get $low) (local.get $low)))
        (v128.store32_lane 0 (local.get $target)
          (i8x16.narrow_i16x8_u (local.get $low) (local.get $low)))
        (local.set $target (i32.add (local.get $target) (i32.const 3)))
        (br_if $pixels (i32.lt_u (local.get $target) (local.get $lineEnd))))
      (local.set $source (i32.add (local.get $source) (local.get $sourceLine)))
      (br_if $lines (local.tee $height (i32.sub (local.get $height) (i32.const 1))))))

  ;; The vertical pass: `height` lines of `line` bytes, sixteen bytes at a time.
  (func (export "columns")
    (param $source i32) (param $line i32)
    (param $target i32) (param $height i32) (param $weights i32)
    (local $entry i32) (local $at i32) (local $pairs i32) (local $x i32)
    (local $upper v128) (local $lower v128) (local $mixed v128) (local $taps v128)
    (local $weightLow v128) (local $weightHigh v128)
    (local $low0 v128) (local $low1 v128) (local $low2 v128) (local $low3 v128)
    (local $high0 v128) (local $high1 v128) (local $high2 v128) (local $high3 v128)
    (loop $lines
      (local.set $x (i32.const 0))
      (loop $chunks
        (local.set $entry (local.get $weights))
        (local.set $at (i32.add (i32.add (local.get $source) (i32.load (local.get $entry))) (local.get $x)))
        (local.set $pairs (i32.load offset=4 (local.get $entry)))
        (local.set $entry (i32.add (local.get $entry) (i32.const 8)))
        (local.set $low0 (v128.const i32x4 2097152 2097152 2097152 2097152))
        (local.set $low1 (local.get $low0))
        (local.set $low2 (local.get $low0))
        (local.set $low3 (local.get $low0))
        (local.set $high0 (v128.const i32x4 0 0 0 0))
        (local.set $high1 (local.get $high0))
        (local.set $high2 (local.get $high0))
        (local.set $high3 (local.get $high0))
        (loop $sum
          (local.set $upper (v128.load (local.get $at)))
          (local.set $lower (v128.load (i32.add (local.get $at) (local.get $line))))
          (local.set $weightLow (v128.load32_splat (local.get $entry)))
          (local.set $weightHigh (v128.load32_splat offset=4 (local.get $entry)))
          ;; The two lines, byte by byte in turn: the first eight columns, then the last eight.
          (local.set $mixed (i8x16.shuffle 0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 23
            (local.get $upper) (local.get $lower)))
          (local.set $taps (i16x8.extend_low_i8x16_u (local.get $mixed)))
          (local.set $low0 (i32x4.add (local.get $low0) (i32x4.dot_i16x8_s (local.get $taps) (local.get $weightLow))))
          (local.set $high0 (i32x4.add (local.get $high0) (i32x4.dot_i16x8_s (local.get $taps) (local.get $weightHigh))))
          (local.set $taps (i16x8.extend_high_i8x16_u (local.get $mixed)))
          (local.set $low1 (i32x4.add (local.get $low1) (i32x4.dot_i16x8_s (local.get $taps) (local.get $weightLow))))
          (local.set $high1 (i32x4.add (local.get $high1) (i32x4.dot_i16x8_s (local.get $taps) (local.get $weightHigh))))
          (local.set $mixed (i8x16.shuffle 8 24 9 25 10 26 11 27 12 28 13 29 14 30 15 31
            (local.get $upper) (local.get $lower)))
          (local.set $taps (i16x8.extend_low_i8x16_u (local.get $mixed)))
          (local.set $low2 (i32x4.add (local.get $low2) (i32x4.dot_i16x8_s (local.get $taps) (local.get $weightLow))))
          (local.set $high2 (i32x4.add (local.get $high2) (i32x4.dot_i16x8_s (local.get $taps) (local.get $weightHigh))))
          (local.set $taps (i16x8.extend_high_i8x16_u (local.get $mixed)))
          (local.set $low3 (i32x4.add (local.get $low3) (i32x4.dot_i16x8_s (local.get $taps) (local.get $weightLow))))
          (local.set $high3 (i32x4.add (local.get $high3) (i32x4.dot_i16x8_s (local.get $taps) (local.get $weightHigh))))
          (local.set $at (i32.add (local.get $at) (i32.shl (local.get $line) (i32.const 1))))
          (local.set $entry (i32.add (local.get $entry) (i32.const 8)))
          (br_if $sum (local.tee $pairs (i32.sub (local.get $pairs) (i32.const 1)))))
        (v128.store (i32.add (local.get $target) (local.get $x))
          (i8x16.narrow_i16x8_u
            (i16x8.narrow_i32x4_s
              (i32x4.shr_s (i32x4.add (local.get $low0) (i32x4.shl (local.get $high0) (i32.const 14))) (i32.const 22))
              (i32x4.shr_s (i32x4.add (local.get $low1) (i32x4.shl (local.get $high1) (i32.const 14))) (i32.const 22)))
            (i16x8.narrow_i32x4_s
              (i32x4.shr_s (i32x4.add (local.get $low2) (i32x4.shl (local.get $high2) (i32.const 14))) (i32.const 22))
              (i32x4.shr_s (i32x4.add (local.get $low3) (i32x4.shl (local.get $high3) (i32.const 14))) (i32.const 22)))))
        (local.set $x (i32.add (local.get $x) (i32.const 16)))
        (br_if $chunks (i32.lt_u (local.get $x) (local.get $line))))
      (local.set $weights (local.get $entry))
      (local.set $target (i32.add (local.get $target) (local.get $line)))
      (br_if $lines (local.tee $height (i32.sub (local.get $height) (i32.const 1)))))))
