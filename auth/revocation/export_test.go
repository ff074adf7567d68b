package revocation

// Settle waits for the fetches that are running.
func (k *Checker) Settle() { k.life.group.Wait() }
