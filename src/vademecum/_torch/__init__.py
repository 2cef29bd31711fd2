"""What the upper floors need of torch: modes, surgery, traces. No technique stands here."""
