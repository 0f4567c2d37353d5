"""How far off a float32 computation may be, by group of expectations: thirty times what PyTorch's own is."""

GROUPS = [('grads', ('grad.', 'frozenbn.grad.')), ('loss', ('train.loss', 'frozenbn.loss')), ('train_outputs', ('train.',)),
          ('steps', ('step_', 'loss_after')), ('outputs', ('eval.',)), ('matching', ('match.',))]


def group_of(key):
    return next((g for g, prefixes in GROUPS if key.startswith(prefixes)), key.split('.')[0])


def tolerances(exact, single):
    largest, rtol = {}, {}
    for k, v in exact.items():
        if v.numel():
            largest[group_of(k)] = max(largest.get(group_of(k), 0), float(v.double().abs().max()))
    for k, v in exact.items():
        g = group_of(k)
        if not v.is_floating_point() or not v.numel():
            continue
        scale = max(float(v.abs().max()), 1e-3 * largest[g])
        off = float((single[k].double() - v.double()).abs().max()) / scale if scale else 0.0
        rtol[g] = max(rtol.get(g, 1e-5), 30 * off)
    noise = {}
    for k, v in exact.items():
        if k.startswith('after') and v.numel():
            share = float(((single[k].double() - v.double()).abs() > 2e-5).double().mean())
            if share > 0.01:
                noise[k] = dict(share_of_elements_off=share)
    return rtol, noise
